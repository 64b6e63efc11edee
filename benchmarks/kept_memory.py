"""What gan-train on a CPU gains because freed memory is kept, and how much it takes for that.

    python benchmarks/kept_memory.py --rounds 3 --output benchmarks/results/kept_memory.md

glibc returns blocks of more than 32 MiB to the system when they are freed, and every page of the next ones is cleared
again. `gan-train` tells it to keep them. Huge pages, of which there are fewer, can be had from torch besides
(THP_MEM_ALLOC_ENABLE=1): `gan-train` does not ask for them. `as it comes` is neither. Every contender runs in a process
of its own that waits while another is timed; a turn is a run of a few steps. Seconds are those of the processor, its
work for the system included. The peak is that of a process after two turns.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import harness

WAYS = {  # how freed memory is treated, and whether in huge pages
    "as it comes": (False, False),
    "huge pages": (False, True),
    "kept": (True, False),
    "kept, huge pages": (True, True),
}
MODELS = {  # the size and number of the images
    "mlp": (32, 128),
    "dcgan": (64, 64),
    "r3gan": (32, 32),
    "sngan": (32, 64),
    "stylegan2": (64, 16),
}


def main() -> None:
    """Time each model in each way and print a table."""
    parser = harness.parser(__doc__, rounds=3, threads=1)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--penalties", nargs="+", default=["none", "r1"])
    parser.add_argument("--steps", type=int, default=4, help="of a turn; r1 acts in every fourth")
    parser.add_argument("--worker", nargs=3, metavar=("MODEL", "PENALTY", "WAY"), help="for the script's own processes")
    parser.add_argument("--peak", action="store_true", help="print the worker's peak memory")
    options = parser.parse_args()
    if options.worker:
        model, penalty, way = options.worker
        prepare(way)
        if not options.peak:
            harness.serve(lambda: work(model, penalty, options.steps))
            return
        for _ in range(2):
            work(model, penalty, options.steps)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return
    lines = [*harness.heading(f"{options.threads} threads"), harness.RATIOS, ""]
    lines += harness.head(
        "model", "penalty", "pixels", "batch", "freed memory is", "images/s", "x as it comes", "peak memory"
    )
    for model in options.models:
        for penalty in options.penalties:
            lines += rows(model, penalty, options)
    harness.report(lines, options.output)


def rows(model: str, penalty: str, options: argparse.Namespace) -> list[str]:
    """Return the rows of a model and a penalty: medians of speeds and ratios, and the peak of a process."""
    size, batch = MODELS[model]
    commands = {way: [__file__, "--steps", str(options.steps), "--worker", model, penalty, way] for way in WAYS}
    environment = {"OMP_NUM_THREADS": str(options.threads)}
    speeds = harness.turns_of_processes(commands, options.rounds, environment)
    lines = []
    for way, values in speeds.items():
        ratio, peak = harness.ratio(values, speeds["as it comes"]), peak_of([*commands[way], "--peak"], environment)
        cells = f"{statistics.median(values):.1f}", f"{ratio:.2f}", f"{peak / 2**30:.2f} GiB"
        lines.append(harness.row(model, penalty, size, batch, way, *cells))
    return lines


def peak_of(command: list[str], environment: dict[str, str]) -> int:
    """Return the most bytes that a worker uses."""
    done = subprocess.run(
        [sys.executable, *command], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout.splitlines()[-1])


def prepare(way: str) -> None:
    """Do to this process what gan-train does to its own, or keep it from it; before torch is imported."""
    kept, huge = WAYS[way]
    os.environ["THP_MEM_ALLOC_ENABLE"] = str(int(huge))
    if not kept:
        os.environ["GLIBC_TUNABLES"] = ""  # says nothing, but the user has the say


def work(model: str, penalty: str, steps: int) -> float:
    """Train a run of a few steps, and return its images per second of the processor."""
    from omegaconf import OmegaConf

    from gan_experiments.config.compose import compose
    from gan_experiments.runs.folder import RunFolder
    from gan_experiments.training.build import build

    size, batch = MODELS[model]
    options = [
        f"model={model}", f"penalty={penalty}", "metrics=none", "callbacks.checkpoint.every=1000000000",
        "dataset=polygons", f"dataset.image_size={size}", "dataset.num_images=1000",
        f"batch_size={batch}", f"budget.images={steps * batch}",
    ]  # fmt: skip
    config = OmegaConf.to_container(compose("train", options), resolve=True)
    with tempfile.TemporaryDirectory() as folder:
        parts = build(config, RunFolder(folder))
        begun = time.process_time()
        parts.trainer.fit(parts.system, datamodule=parts.data)
        return steps * batch / (time.process_time() - begun)


if __name__ == "__main__":
    main()
