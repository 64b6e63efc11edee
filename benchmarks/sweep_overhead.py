"""What a job of a sweep costs beside its training: ``python benchmarks/sweep_overhead.py [--jobs 8] [--output FILE]``.

A sweep of runs of a few steps, with the built-in launcher, one job after the other; then the same command again, which
skips them all.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import harness

CALLBACK = """
import time
import pytorch_lightning as pl
from gan_experiments.runs.folder import RunFolder

class Stamp(pl.Callback):
    def __init__(self, run: RunFolder) -> None:
        self.file = run.path / "stamps"

    def on_train_batch_start(self, *_):
        self.file.open("a").write(f"{time.time()}\\n")

    def on_train_batch_end(self, *_):
        self.file.open("a").write(f"{time.time()}\\n")
"""
TINY = (
    *("model=mlp", "model.generator.hidden=[8]", "model.discriminator.hidden=[8]", "penalty=none", "metrics=none"),
    *("batch_size=8", "budget.images=64", "+callbacks.stamp._target_=stamp.Stamp", "trusted=[stamp]"),
)
IMPORTS = "import torch, torchvision, pytorch_lightning, torchmetrics, hydra"


def launch(folder: Path, jobs: int) -> tuple[float, float]:
    """Run the sweep; returns its seconds, and those of a processor, which other programs do not change much."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    sweep = ("-m", "hydra.sweep.dir=study", f"seed=range(0,{jobs})")
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "gan_experiments.cli.train", *sweep, *TINY],
        cwd=folder, env=environment, check=True, capture_output=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def spans(folder: Path) -> tuple[list[float], list[float]]:
    """Return the seconds of each job from its start to its first step, and from its last step to the next start."""
    stamped = [path.parent for path in folder.glob("study/*/stamps")]
    started = {path: (path / "config.yaml").stat().st_mtime for path in stamped}  # written when the job starts
    order = sorted(stamped, key=started.__getitem__)
    stamps = {path: [float(line) for line in (path / "stamps").read_text().split()] for path in order}
    before = [stamps[path][0] - started[path] for path in order]
    after = [started[next_] - stamps[path][-1] for path, next_ in pairwise(order)]
    return before, after


def main() -> None:
    """Measure and print, or write to a file."""
    parser = harness.parser(__doc__)
    parser.add_argument("--jobs", type=int, default=8)
    options = parser.parse_args()
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    imports = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "stamp.py").write_text(CALLBACK)
        _, busy = launch(folder, options.jobs)
        before, after = spans(folder)
        all_, two = launch(folder, options.jobs), launch(folder, 2)
    skip, skip_busy = ((most - least) / (options.jobs - 2) for most, least in zip(all_, two, strict=True))
    first, last = statistics.median(before), statistics.median(after)
    rows = {
        "start to first step": first,
        "last step to next start": last,
        "both, of 6 s": first + last,
        "the imports alone": imports,
        "a job, in seconds of a processor": busy / options.jobs,
        "a finished job that is skipped": skip,
        "the same, in seconds of a processor": skip_busy,
        "a command that skips two jobs": two[0],
    }
    lines = [*harness.heading(f"{options.jobs} jobs"), *harness.head("", "seconds")]
    harness.report([*lines, *(harness.row(name, f"{value:.2f}") for name, value in rows.items())], options.output)


if __name__ == "__main__":
    main()
