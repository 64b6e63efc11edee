"""Every loss with its usual penalty from the same baseline recipe: the native FID of each seed, and how it compares.

    python benchmarks/loss_table.py --images 300000 --seeds 0 1 2 --folder /tmp/loss_table

Each run is a separate `gan-train`. Finished runs are skipped and interrupted ones are resumed, so the command can be
repeated until all runs are finished. `docs/losses.md` lists the usual penalty of each loss.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import harness

from gan_experiments.config.files import conf_dir
from gan_experiments.runs.results import scores

AUTOENCODER = ["penalty=none", "model=autoencoder", "model.discriminator.code_dim=16"]
USUAL = {  # beside the baseline recipe's penalty=r1
    "ebgan": [*AUTOENCODER, "model.discriminator.error=l2"],
    "began": AUTOENCODER,
}


def main() -> None:
    """Train missing runs and print the table."""
    parser = harness.parser(__doc__)
    losses = sorted(file.stem for file in (conf_dir() / "loss").glob("*.yaml") if file.stem != "none")
    parser.add_argument("--losses", nargs="+", default=losses, choices=losses, metavar="LOSS")
    parser.add_argument("--images", type=int, default=300_000, help="budget of a run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folder", type=Path, required=True, help="folder of the runs")
    options = parser.parse_args()
    fids = {
        loss: [result(loss, seed, options.images, options.folder) for seed in options.seeds] for loss in options.losses
    }
    harness.report([*harness.heading(), *table(fids, options.seeds)], options.output)


def result(loss: str, seed: int, images: int, folder: Path) -> float | str:
    """Return the FID of a run, trained first if it is not finished, or its status if it has none."""
    name = f"{loss}-{seed}-{images}"
    record = find(folder, name)
    if record.get("status") not in ("finished", "diverged"):
        train(name, loss, seed, images, folder)
        record = find(folder, name)
    return scores(record)["fid"] if record.get("status") == "finished" else str(record.get("status", "failed"))


def find(folder: Path, name: str) -> dict[str, Any]:
    """Return the record of the run of that name, on any date; empty if there is none."""
    records = sorted(folder.glob(f"*/{name}/record.json"))
    return json.loads(records[-1].read_text(encoding="utf-8")) if records else {}


def train(name: str, loss: str, seed: int, images: int, folder: Path) -> None:
    """Start or resume the run."""
    begun = sorted(folder.glob(f"*/{name}/config.yaml"))
    arguments = [f"resume={begun[-1].parent}"] if begun else [
        "experiment=baseline", f"loss={loss}", *USUAL.get(loss, []), f"seed={seed}", f"budget.images={images}",
        f"name={name}", f"output_dir={folder}",
    ]  # fmt: skip
    print(f"{name}: gan-train {' '.join(arguments)}", file=sys.stderr, flush=True)
    command = [str(Path(sys.executable).with_name("gan-train")), *arguments]
    subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, check=False)


def table(fids: dict[str, list[float | str]], seeds: list[int]) -> list[str]:
    """Format the losses, best mean first; a run without an FID makes the mean infinite."""
    means = {
        loss: statistics.mean(value if isinstance(value, float) else float("inf") for value in values)
        for loss, values in fids.items()
    }
    best = min(means.values())
    lines = [
        f"| loss | with | {' | '.join(f'seed {seed}' for seed in seeds)} | mean FID | within twice the best |",
        "|---" * (len(seeds) + 4) + "|",
    ]
    for loss in sorted(means, key=means.__getitem__):
        usual = " ".join(f"`{override}`" for override in USUAL.get(loss, []))
        cells = [f"{value:.2f}" if isinstance(value, float) else value for value in fids[loss]]
        verdict = "yes" if means[loss] <= 2 * best else "no"
        lines.append(f"| `{loss}` | {usual} | {' | '.join(cells)} | {means[loss]:.2f} | {verdict} |")
    return lines


if __name__ == "__main__":
    main()
