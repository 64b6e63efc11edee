"""Which failures the failure monitor names: runs in which one is planted, and healthy ones.

    python benchmarks/diagnosis.py --output benchmarks/results/diagnosis.md

A run is named by its first finding. The networks are tiny, so that all runs take a quarter of an hour of one core.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr
from os import devnull
from pathlib import Path

import torch
from harness import head, heading, parser, report, row

import gan_experiments
from gan_experiments.core.types import DivergedError
from gan_experiments.runs.findings import TITLES, findings

NONE = "none"
_QUIET = ["callbacks.samples.every=10000000", "callbacks.checkpoint.every=10000000", "logger=none"]
_SHORT = ["batch_size=32", "budget.images=19200", "callbacks.monitor.every=640", "callbacks.failures.count=16"]
_MEASURED = ["metrics.every=6400", "metrics.samples=300", "metrics.final_samples=300"]
DCGAN = ["model.generator.channels=8", "model.discriminator.channels=8", *_SHORT, *_MEASURED, *_QUIET]
MLP = [
    "model=mlp", "model.generator.hidden=[64]", "model.discriminator.hidden=[64]", "model.generator.latent_dim=16",
    *_SHORT, *_MEASURED, *_QUIET,
]  # fmt: skip
RING = [
    "dataset=ring", "model.generator.hidden=[32,32]", "model.discriminator.hidden=[32,32]", "batch_size=128",
    "budget.images=192000", "callbacks.monitor.every=2560", "metrics.every=64000", "metrics.samples=1000",
    "metrics.final_samples=1000", *_QUIET,
]  # fmt: skip
DIRAC = [
    "dataset=dirac", "optimizer=sgd", "penalty=none", "batch_size=16", "budget.images=12800",
    "callbacks.monitor.every=128", *_QUIET,
]  # fmt: skip


def rate(generator: float | None = None, discriminator: float | None = None) -> list[str]:
    """Return the overrides of two learning rates."""
    rates = {"generator": generator, "discriminator": discriminator}
    return [f"optimizer.{name}.lr={value}" for name, value in rates.items() if value is not None]


FEW = [
    *MLP, "dataset.limit=20", "batch_size=20", "budget.images=160000", "metrics.every=40000",
    "callbacks.monitor.every=4000", "callbacks.failures.count=64", "model.generator.hidden=[128]",
    "model.discriminator.hidden=[128]", *rate(0.001, 0.001),
]  # fmt: skip
BARE = ["penalty=none"]
WASSERSTEIN = ["loss=wasserstein", "penalty=none"]

PLANTED: dict[str, dict[str, list[str]]] = {
    "discriminator_too_strong": {
        "DCGAN, a generator that does not move": [*DCGAN, *rate(1e-9)],
        "DCGAN with the hinge loss, a generator that does not move": [*DCGAN, "loss=hinge", *BARE, *rate(1e-9)],
        "MLP, minimax loss, no penalty, rate of D x 100": [*MLP, "loss=minimax", *BARE, *rate(None, 0.04)],
        "MLP, minimax loss, no penalty, rate of D x 10, 5 steps of D": [
            *MLP, "loss=minimax", *BARE, *rate(None, 0.004), "d_steps=5"
        ],
        "MLP, Wasserstein loss without penalty, rate of G / 1000, of D x 10": [*MLP, *WASSERSTEIN, *rate(4e-7, 0.004)],
    },
    "mode_collapse": {
        "MLP, rate of G x 100": [*MLP, *rate(0.04)],
        "MLP, rate of G 1000": [*MLP, *rate(1000)],
        "MLP, hinge loss, no penalty, rate of G x 500": [*MLP, "loss=hinge", *BARE, *rate(0.2)],
        "DCGAN, rate of D x 100": [*DCGAN, *rate(None, 0.04)],
        "ring, rate of G x 1000": [*RING, *rate(1.0)],
    },
    "memorization": {
        "20 images": [*FEW, "model.generator.latent_dim=4"],
        "20 images, R1 x 0.1": [*FEW, "penalty.r1.weight=0.1"],
        "20 images, hinge loss, 2 latents": [*FEW, "loss=hinge", "model.generator.latent_dim=2"],
        "20 images, WGAN-GP": [*FEW, "loss=wasserstein", "penalty=wgan_gp", "model.generator.latent_dim=4"],
    },
    "oscillation": {
        "Dirac, rates 0.2": [*DIRAC, *rate(0.2, 0.2)],
        "Dirac, Wasserstein loss, rates 0.1": [*DIRAC, "loss=wasserstein", *rate(0.1, 0.1)],
        "Dirac, hinge loss, rates 0.15": [*DIRAC, "loss=hinge", *rate(0.15, 0.15)],
        "Dirac, momentum 0.9, rates 0.01": [
            *DIRAC, *rate(0.01, 0.01), "optimizer.generator.momentum=0.9", "optimizer.discriminator.momentum=0.9"
        ],
        "Dirac, simultaneous, rates 0.1": [*DIRAC, *rate(0.1, 0.1), "model.update_order=simultaneous"],
    },
    "divergence": {
        "MLP, SGD, rates 1000": [*MLP, "optimizer=sgd", *rate(1000, 1000)],
        "DCGAN, SGD, rates 1000": [*DCGAN, "optimizer=sgd", *rate(1000, 1000)],
        "MLP, Wasserstein loss without penalty, SGD, rates 100": [*MLP, *WASSERSTEIN, "optimizer=sgd", *rate(100, 100)],
        "MLP, least squares, SGD, rates 10": [*MLP, "loss=least_squares", *BARE, "optimizer=sgd", *rate(10, 10)],
    },
    NONE: {
        "DCGAN": DCGAN,
        "DCGAN, hinge loss": [*DCGAN, "loss=hinge"],
        "MLP": MLP,
        "MLP, WGAN-GP": [*MLP, "loss=wasserstein", "penalty=wgan_gp", "d_steps=5"],
        "ring": RING,
        "SNGAN, hinge loss": [*DCGAN, "model=sngan", "loss=hinge", "penalty=none"],
        "MLP, relativistic loss": [*MLP, "loss=relativistic_average"],
    },
}  # fmt: skip


def named(overrides: list[str], folder: str) -> list[str]:
    """Train a run and return its findings in the order in which they began."""
    try:
        run = gan_experiments.train([*overrides, f"output_dir={folder}", "name=run"])
    except DivergedError:
        run = gan_experiments.load_run(next(Path(folder).glob("*/run")))
    return [finding.name for finding in findings(run.record)]


def lines(options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of both tables."""
    confusion: Counter[tuple[str, str]] = Counter()
    yield from head("planted", "run", "found, in this order", "seconds")
    for cause, runs in PLANTED.items():
        for name, overrides in runs.items():
            if options.only and options.only not in (cause, name):
                continue
            began = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder, Path(devnull).open("w") as null, redirect_stderr(null):
                found = named([*overrides, f"seed={options.seed}"], folder)
            confusion[cause, found[0] if found else NONE] += 1
            seconds = time.perf_counter() - began
            print(f"{cause}: {name}: {found} ({seconds:.0f} s)", file=sys.stderr, flush=True)
            yield row(cause, name, ", ".join(found) or NONE, f"{seconds:.0f}")
    causes = [*TITLES, NONE]
    right = sum(confusion[cause, cause] for cause in TITLES)
    planted = sum(count for (cause, _), count in confusion.items() if cause != NONE)
    healthy = sum(count for (cause, _), count in confusion.items() if cause == NONE)
    yield ""
    clean = confusion[NONE, NONE]
    healthy_text = f"{clean} of {healthy} healthy runs have none"
    yield f"The first finding is the planted one in {right} of {planted} runs; {healthy_text}."
    yield ""
    yield from head("planted / first found", *causes)
    for cause in causes:
        yield row(cause, *(confusion[cause, found] or "" for found in causes))


def main() -> None:
    """Train all runs and report what was found."""
    made = parser(__doc__)
    made.add_argument("--seed", type=int, default=1, help="of all runs")
    made.add_argument("--only", help="one kind of failure, or one run")
    options = made.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    report([*heading(f"seed {options.seed}"), *lines(options)], options.output)


if __name__ == "__main__":
    main()
