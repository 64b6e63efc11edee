"""What the first commands of a newcomer end in: datasets with their defaults, models with theirs, published recipes.

    python benchmarks/first_commands.py --root data --output benchmarks/results/first_commands.md
    python benchmarks/first_commands.py --only dataset=ring dataset=grid --seeds 0,1,2

Every dataset that needs no file is trained with the default model, every model on the default dataset or one that it
needs, and every recipe. A run that would take more than `--minutes` at the speed of its first steps has a smaller
budget, which its row shows. `--root` adds MNIST in that folder. A row is *good* if precision and FID are near what a
perfect generator gets, or else its first value: precision at least 1 / `--factor` of it, FID at most 20 times
`--factor` times it.

Finished rows are kept in `rows.jsonl` of the folder, so that a table may come from several calls; what they show is
read from their runs, besides a `remark` that whoever has looked at the picture of a poor row may add to its line
there. With `--again` they are trained again, and the new row takes the old one's place. Rows that would start after
`--limit` minutes are not run. Minutes are those of a processor, which other processes do not change.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import harness
from PIL import Image, ImageDraw

from gan_experiments.api.compose import compose
from gan_experiments.config.files import conf_dir, own_files
from gan_experiments.runs import findings
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.results import estimates
from gan_experiments.training.speed import TooSlowError, images_per_second

DATA_FREE = ("digits", "polygons", "stacked_digits", "ring", "grid", "swiss_roll")
NEEDS = {  # of models and recipes that cannot be trained on the default dataset or with the default loss
    "autoencoder": ["loss=ebgan"],
    "mlp_points": ["dataset=ring"],
    "dirac": ["dataset=dirac"],
    "linear_quadratic": ["dataset=gaussian"],
    "pix2pix": ["task=denoise"],
    "cyclegan": ["dataset=digits_twin"],
    "cut": ["dataset=digits_twin"],
    "fastcut": ["dataset=digits_twin"],
    "fastgan": ["dataset=polygons"],
    "projected_gan": ["dataset=polygons"],
    "reacgan": ["dataset=digits", "model.generator.latent_dim=81"],  # a part for each of three resolutions
    "small_folder": ["dataset=digits", "dataset.horizontal_flip=false"],  # as its file says of pictures with text
}
NOTE = """Each command as it is, with its budget alone cut to what the minutes of a processor allow. *Of its budget*:
the part of the default that was run, and the time that all of it would take. Recipes for larger images have 8 pixels
here: their rows show that they train, not how good they are. A perfect generator has an `equilibrium_distance` of 0.
*Good* is a wide word: precision at least 0.8 times, FID at most 25 times that of a perfect generator (or 0.05)."""
POINTS = ("ring", "grid", "swiss_roll", "dirac", "gaussian")  # whose samples are plotted
FEW_SAMPLES = 20_000  # images of a cut budget, below which 1,000 samples are measured: drawing takes long, too
TILE = 128  # pixels of a row's picture in the sheet
HEAD = ("", "command", "seed", "parameters", "result", "a perfect generator", "minutes", "of its budget", "")

PICTURES = (
    "Rows that were refused, and further seeds, have no samples. Those of translators have an input, its translation "
    "and the true one in each row."
)


def main() -> None:
    """Train what is asked for, and print a table of all rows."""
    parser = harness.parser(__doc__)
    parser.add_argument("--only", nargs="+", metavar="OVERRIDE", help="rows that begin with these; default: all")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--root", type=Path, help="folder with MNIST")
    parser.add_argument("--folder", type=Path, default=Path("outputs/first_commands"), help="of the runs")
    parser.add_argument("--factor", type=float, default=1.25, help="see above")
    parser.add_argument("--minutes", type=float, default=3.0, help="of a run, at most")
    parser.add_argument("--again", action="store_true", help="train rows that have been trained, too")
    parser.add_argument("--limit", type=float, default=float("inf"), help="minutes, after which no row is started")
    parser.add_argument("--sheet", type=Path, help="file for the pictures of all rows")
    options = parser.parse_args()
    started, kept = time.monotonic(), read(options.folder / "rows.jsonl")
    for overrides in rows(options.root):
        for seed in options.seeds.split(",") if not options.only or overrides[0] in options.only else ():
            wanted = options.again or key(overrides, seed) not in kept
            if wanted and time.monotonic() - started < 60 * options.limit:
                kept[key(overrides, seed)] = row = {"seed": seed, **train(overrides, seed, options)}
                keep(options.folder / "rows.jsonl", key(overrides, seed), row)
    every = [row for overrides in rows(options.root) for row in rows_of(overrides, kept)]
    table = [{**row, **shown(row, options.factor)} if "run" in row else row for row in every]
    lines = [harness.row(number, *cells(row)) for number, row in enumerate(table, 1)]
    if options.sheet:
        sheet(table).save(options.sheet, optimize=True)
        where = os.path.relpath(options.sheet, (options.output or options.sheet).parent)
        lines += ["", f"![Samples of the rows, by their numbers]({where})", "", PICTURES]
    harness.report([*harness.heading(), NOTE, "", *harness.head(*HEAD), *lines], options.output)


def rows(root: Path | None) -> list[list[str]]:
    """Return the overrides of every row, the one that names it first."""
    found = [[f"dataset={name}"] for name in DATA_FREE]
    found += [["dataset=mnist", f"dataset.root={root}"]] * bool(root)
    found += [[f"model={name}", *NEEDS.get(name, ())] for name in own_files("train").options("model")]
    recipes = sorted(file.stem for file in (conf_dir() / "experiment").glob("*.yaml"))
    needs = {name: [each for each in lines if not each.startswith("loss")] for name, lines in NEEDS.items()}
    needs["fastgan"] = ["dataset=polygons", "~dataset.horizontal_flip"]  # the recipe sets it, polygons have none
    return found + [[f"experiment={name}", *needs.get(name, ["dataset=digits"])] for name in recipes]


def rows_of(overrides: list[str], kept: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a command, one for each seed; one that says so if it has not been run."""
    own = [row for name, row in kept.items() if name.startswith(key(overrides, ""))]
    own.sort(key=lambda row: int(row["seed"]))
    return own or [{"seed": "-", "overrides": overrides, "verdict": "not run"}]


def key(overrides: list[str], seed: str) -> str:
    """Return the name of a row in the file of finished rows."""
    return f"{overrides[0]} seed={seed}"


def read(file: Path) -> dict[str, dict[str, Any]]:
    """Read the rows that are finished."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return dict(json.loads(line) for line in lines)


def keep(file: Path, name: str, row: dict[str, Any]) -> None:
    """Add a finished row to the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps([name, row]) + "\n")


def train(overrides: list[str], seed: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train a run and return its row; a command that ends badly says why."""
    name = f"{overrides[0].replace('=', '-')}-{seed}"
    budget = affordable(overrides, options.minutes)
    before = os.times()
    given = [*overrides, *budget, f"seed={seed}", f"name={name}", f"output_dir={options.folder}", "rerun=true"]
    done = subprocess.run(
        [sys.executable, "-m", "gan_experiments.cli.train", *given], capture_output=True, text=True, check=False
    )
    after = os.times()
    row: dict[str, Any] = {"overrides": [*overrides, *budget]}
    row["minutes"] = (after.children_user + after.children_system - before.children_user - before.children_system) / 60
    found = [file for each in (name, f"{name}-*") for file in options.folder.glob(f"*/{each}/record.json")]
    found.sort(key=lambda file: file.stat().st_mtime)
    if done.returncode or not found:
        said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("Config error:")]
        return {**row, "verdict": f"exit code {done.returncode}: {' '.join(said[-1:])[:200].strip()}"}
    return {**row, "run": str(found[-1].parent)}


def shown(row: dict[str, Any], factor: float) -> dict[str, Any]:
    """Return what the run of a row ended in, its picture, and how good that is."""
    run = RunFolder(row["run"])
    record, grids, values = run.record(), sorted(run.samples.glob("[0-9]*.png")), estimates(run.record())
    real = {name: each.real_baseline for name, each in values.items()}
    default = compose([line for line in row["overrides"] if not line.startswith("budget.images=")])["budget"]["images"]
    share = min(1.0, record["budget"]["images"] / default)
    said = verdict(values, factor)
    if said == "poor":
        reasons = [findings.title(each.name) for each in findings.findings(record) if each.ended is None]
        reasons += ["a part of its budget"] * (share < 1)
        reasons += [row["remark"]] if "remark" in row else []
        said += ": " + "; ".join(reasons or [findings.advice(record, run.read_config()) or "see the picture"])
    return {
        "parameters": f"{sum(record['parameters'].values()):,}",
        "result": ", ".join(f"{name} {each.value:.3g}" for name, each in values.items()),
        "real": ", ".join(f"{name} {value:.3g}" for name, value in real.items() if value is not None),
        "share": "all" if share == 1 else f"{share:.1%} of about {span(row['minutes'] / share)}",
        "picture": str(grids[-1]) if grids else None,
        "verdict": said,
    }


def span(minutes: float) -> str:
    """Return a time in minutes, hours or days, whichever is short to read."""
    unit, name = next((unit, name) for unit, name in ((1440, "days"), (60, "h"), (0, "min")) if minutes >= 2 * unit)
    number = minutes / (unit or 1)
    return f"{round(number, 0 if number >= 10 else 1):g} {name}"


def affordable(overrides: list[str], minutes: float) -> list[str]:
    """Return overrides for a smaller budget if the default one takes longer than that."""
    try:
        config = compose(overrides)
        images = round_down(60 * minutes * images_per_second(config, time.process_time, patience=60 * minutes))
    except TooSlowError:
        images = int(config["batch_size"]) * int(config["d_steps"])  # a step of the generator
    except Exception:  # the command itself will say why, and its row with it
        return []
    if images >= config["budget"]["images"]:
        return []
    falls = (config["optimizer"]["schedule"] or {}).get("start", 0) >= images
    few = ["metrics.final_samples=1000"] * (images < FEW_SAMPLES)
    return [f"budget.images={images}", *[f"optimizer.schedule.start={images // 2}"] * falls, *few]


def round_down(number: float) -> int:
    """Return a number with its first digit alone."""
    digits = str(max(1, int(number)))
    return int(digits[0]) * 10 ** (len(digits) - 1)


def verdict(values: dict[str, Any], factor: float) -> str:
    """Say whether precision and FID, or else the first value, are near their real baselines."""
    known = {name: each for name, each in values.items() if each.real_baseline is not None}
    compared = [known[name] for name in ("precision", "fid") if name in known] or list(known.values())[:1]
    near = [
        each.value * factor >= each.real_baseline
        if each.higher_is_better
        else each.value <= 20 * factor * max(each.real_baseline, 0.05)
        for each in compared
    ]
    return ("good" if all(near) else "poor") if near else ""


def cells(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row of the table."""
    minutes = f"{row['minutes']:.1f}" if "minutes" in row else "-"
    command = f"`gan-train {shlex.join(row['overrides'])}`"
    measured = [row.get(name, "-") for name in ("parameters", "result", "real")]
    return [command, row["seed"], *measured, minutes, row.get("share", "-"), row["verdict"]]


def sheet(table: list[dict[str, Any]]) -> Image.Image:
    """Return the pictures of all rows that have one, with their numbers: a plot, or the upper left corner of a grid."""
    pictures = [(number, row) for number, row in enumerate(table, 1) if row.get("picture")]
    columns, tile = 8, TILE + 14
    canvas = Image.new("RGB", (columns * tile, -(-max(1, len(pictures)) // columns) * (tile + 12)), "white")
    for place, (number, row) in enumerate(pictures):
        left, top = place % columns * tile, place // columns * (tile + 12)
        with Image.open(row["picture"]) as grid:
            side = min(grid.size) // (1 if any(f"dataset={name}" in row["overrides"] for name in POINTS) else 2)
            part = grid.convert("RGB").crop((0, 0, side, side))
            canvas.paste(part.resize((TILE, TILE), Image.Resampling.LANCZOS), (left, top + 12))
        ImageDraw.Draw(canvas).text((left, top), f"{number} {row['overrides'][0].partition('=')[2]}", "black")
    return canvas


if __name__ == "__main__":
    main()
