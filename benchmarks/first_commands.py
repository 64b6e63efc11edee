"""What the first commands of a newcomer end in: datasets with their defaults, models with theirs, published recipes.

    python benchmarks/first_commands.py --output benchmarks/results/first_commands.md
    python benchmarks/first_commands.py --only dataset=ring model=vae --seeds 0,1,2

Every dataset that needs no file is trained with the default model, every model on the default dataset, and every recipe
on the default dataset with a small budget. `--root` is the folder of downloaded sets, which adds those. A row is *good*
if its first value is near what a perfect generator gets: precision at least 1 / `--factor` of it, FID at most 20 times
`--factor` times it. The pictures are in the runs' folders. All of it takes hours on two cores: the rows of a table may
come from several calls, as finished runs are kept.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import harness

from gan_experiments.config.files import conf_dir, own_files
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.results import estimates

DATA_FREE = ("digits", "polygons", "stacked_digits", "ring", "grid", "swiss_roll")
DOWNLOADED = ("mnist", "fashion_mnist", "kmnist", "cifar10", "svhn", "stacked_mnist")
SMALL_BUDGET = "budget.images=100000"  # of a recipe


def main() -> None:
    """Train what is asked for, and print a table of all that has been trained in the folder."""
    parser = harness.parser(__doc__)
    parser.add_argument("--only", nargs="+", metavar="OVERRIDE", help="rows that begin with these; default: all")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--root", type=Path, help="folder of downloaded datasets")
    parser.add_argument("--folder", type=Path, default=Path("outputs/first_commands"), help="of the runs")
    parser.add_argument("--factor", type=float, default=1.25, help="see above")
    options = parser.parse_args()
    lines = [*harness.head("command", "seed", "result", "a perfect generator", "minutes", "")]
    for overrides in rows(options.root):
        if options.only and overrides[0] not in options.only:
            continue
        for seed in options.seeds.split(","):
            lines.append(harness.row(*train(overrides, seed, options)))
    harness.report([*harness.heading(), *lines], options.output)


def rows(root: Path | None) -> list[list[str]]:
    """Return the overrides of every row, the one that names it first."""
    files = own_files("train")
    found = [[f"dataset={name}"] for name in DATA_FREE]
    found += [[f"dataset={name}", f"dataset.root={root}"] for name in DOWNLOADED if root]
    found += [[f"model={name}"] for name in files.options("model")]
    recipes = sorted(file.stem for file in (conf_dir() / "experiment").glob("*.yaml"))
    return found + [[f"experiment={name}", "dataset=digits", SMALL_BUDGET] for name in recipes]


def train(overrides: list[str], seed: str, options: argparse.Namespace) -> list[Any]:
    """Train a run, unless it is finished, and return the cells of its row; a command that ends badly says why."""
    name = overrides[0].replace("=", "-")
    given = [*overrides, f"seed={seed}", f"name={name}-{seed}", f"output_dir={options.folder}"]
    done = subprocess.run(
        [sys.executable, "-m", "gan_experiments.cli.train", *given], capture_output=True, text=True, check=False
    )
    shown = f"`gan-train {shlex.join(overrides)}`"
    found = sorted(options.folder.glob(f"*/{name}-{seed}/record.json"))
    if done.returncode or not found:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason")
        return [shown, seed, "-", "-", "-", f"exit code {done.returncode}: {reason.strip()[:120]}"]
    record = RunFolder(found[-1].parent).record()
    values = estimates(record)
    results = ", ".join(f"{key} {each.value:.3g}" for key, each in values.items())
    real = ", ".join(
        f"{key} {each.real_baseline:.3g}" for key, each in values.items() if each.real_baseline is not None
    )
    return [shown, seed, results, real, f"{record['seconds'] / 60:.1f}", verdict(values, options.factor)]


def verdict(values: dict[str, Any], factor: float) -> str:
    """Say whether the first value with a real baseline is near it."""
    for each in values.values():
        if each.real_baseline is None:
            continue
        if each.higher_is_better:
            return "good" if each.value * factor >= each.real_baseline else "poor"
        return "good" if each.value <= 20 * factor * max(each.real_baseline, 0.05) else "poor"
    return ""


if __name__ == "__main__":
    main()
