"""Peak memory against time of a step: activation checkpointing, microbatches, and both.

    python benchmarks/memory.py --batch 16 --output benchmarks/results/memory.md

Every row is measured in a separate process: what its memory grows by in two steps of both networks (activations,
gradients and the states of Adam), and the seconds of the second step. Images are random, of 128 pixels. A dash is where
microbatches are refused, because batch norm compares the images of a batch.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import harness
import networks

WAYS = {
    "all at once": [],
    "activation_checkpointing": ["model.activation_checkpointing=true"],
    "microbatch": ["model.microbatch={part}"],
    "both": ["model.activation_checkpointing=true", "model.microbatch={part}"],
}
COLUMNS = ("model", "a step is computed", "peak of a step", "of that at once", "seconds", "of those at once")


def main() -> None:
    """Measure each model in each way and print a table."""
    parser = harness.parser(__doc__, threads=os.cpu_count())
    parser.add_argument("--models", nargs="+", default=["stylegan2", "biggan"])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--part", type=int, default=4, help="images of a microbatch")
    parser.add_argument("--channels", type=int, default=16, help="unit of width of both networks")
    parser.add_argument("--worker", nargs=2, metavar=("MODEL", "WAY"), help="for the script's own processes")
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(*options.worker, options)))
        return
    facts = f"{options.threads} threads", f"batches of {options.batch}", f"{options.channels} channels"
    lines = [*harness.heading(*facts), *harness.head(*COLUMNS)]
    for model in options.models:
        rows = {way: in_process(model, way, options) for way in WAYS}
        whole = rows["all at once"] or (1, 1)
        for way, measured in rows.items():
            cells = ["-"] * 4
            if measured:
                shares = [f"{one / all_of_it:.2f}" for one, all_of_it in zip(measured, whole, strict=True)]
                cells = [f"{measured[0] / 2**30:.2f} GiB", shares[0], f"{measured[1]:.1f}", shares[1]]
            lines.append(harness.row(model, way, *cells))
    harness.report(lines, options.output)


def in_process(model: str, way: str, options: argparse.Namespace) -> list[float] | None:
    """Return bytes and seconds, measured in a separate process; ``None`` if the model refuses the way."""
    command = [sys.executable, __file__, "--worker", model, way]
    for name in ("size", "batch", "part", "channels"):
        command += [f"--{name}", str(getattr(options, name))]
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode == networks.SKIPPED:
        return None
    if done.returncode:
        sys.exit(f"{model}, {way}:\n{done.stderr}")
    measured: list[float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def work(model: str, way: str, options: argparse.Namespace) -> list[float]:
    """Return the bytes by which memory grows in two steps, and the seconds of the second."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    widths = [f"model.{name}.channels={options.channels}" for name in ("generator", "discriminator")]
    options.overrides = [*widths, *(line.format(part=options.part) for line in WAYS[way])]
    _, step = networks.build(model, options.size, options, True)
    before = _peak()
    step()
    begun = time.perf_counter()
    step()
    return [_peak() - before, time.perf_counter() - begun]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
