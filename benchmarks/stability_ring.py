"""Whether `gan-stability` foretells which runs fail on the ring: its verdicts on the Dirac-GAN against such runs.

    python benchmarks/stability_ring.py --folder /tmp/ring --write docs/stability.md

The configs are drawn from a seed, before any of them is run. What is done is kept in the folder, so that the command
can be repeated until all are.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr
from os import devnull
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import head, insert, row
from omegaconf import OmegaConf
from scipy import stats

import gan_experiments
from gan_experiments.api.stability import stability
from gan_experiments.config.check import check_config
from gan_experiments.config.command_schemas import StabilityConfig
from gan_experiments.config.compose import compose
from gan_experiments.core.types import DivergedError
from gan_experiments.runs.results import scores

LOSSES = ("non_saturating", "minimax", "least_squares", "hinge", "wasserstein", "relativistic_pairing")
PENALTIES = ("none", "r1", "r2", "r1_r2", "wgan_gp", "dragan", "max_gradient_penalty")
RATES = {"sgd": (1e-2, 1.0), "adam": (1e-4, 1e-2)}
RING = [
    "dataset=ring", "dataset.std=0.1", "batch_size=64", "budget.images=96000", "ema.half_life=0",
    "metrics.every=96000", "logger=none", "augment=none", "callbacks.samples.every=96000",
    "callbacks.checkpoint.every=96000",
]  # fmt: skip
WORKS = 0.5  # share of the modes from which a run has not failed
BEGIN, END = "<!-- ring -->", "<!-- end of the ring -->"


def configs(count: int, seed: int) -> Iterator[list[str]]:
    """Yield the overrides of random configs: loss, penalty and its weight, optimizer, rates, order of updates."""
    rng = np.random.default_rng(seed)

    def between(low: float, high: float) -> str:
        return f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}"

    for _ in range(count):
        penalty, optimizer = str(rng.choice(PENALTIES)), str(rng.choice(list(RATES)))
        chosen = [f"loss={rng.choice(LOSSES)}", f"penalty={penalty}", f"optimizer={optimizer}"]
        weight = between(0.01, 10)
        for name in () if penalty == "none" else penalty.split("_") if penalty == "r1_r2" else [penalty]:
            chosen += [f"penalty.{name}.weight={weight}", f"penalty.{name}.interval=1"]
        chosen += [f"optimizer.{name}.lr={between(*RATES[optimizer])}" for name in ("generator", "discriminator")]
        yield [*chosen, f"model.update_order={rng.choice(['alternating', 'simultaneous'])}"]


def foretold(overrides: list[str]) -> str:
    """Return the verdict of ``gan-stability`` on the Dirac-GAN."""
    bias = ["model.discriminator.bias=true"] if "loss=least_squares" in overrides else []  # has no equilibrium without
    config: Any = OmegaConf.to_container(compose("stability", ["steps=500", *overrides, *bias]), resolve=True)
    checked = check_config(config, StabilityConfig)
    assert not checked.errors, checked.errors
    return stability(checked.config).verdict


def covered(overrides: list[str], folder: str) -> float:
    """Train on the ring, and return the share of modes that are covered; 0 if the run diverges."""
    try:
        run = gan_experiments.train([*RING, *overrides, f"output_dir={folder}", "name=run"])
    except DivergedError:
        return 0.0
    return scores(run.record)["recall"]


def results(folder: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Return what was foretold and what came of each config, computed where it is not in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, overrides in enumerate(configs(count, seed)):
        file = folder / f"{index:03}.json"
        if not file.exists():
            with tempfile.TemporaryDirectory() as runs, Path(devnull).open("w") as null, redirect_stderr(null):
                found = {"overrides": overrides, "verdict": foretold(overrides), "covered": covered(overrides, runs)}
            file.write_text(json.dumps(found))
            print(index, found, flush=True)
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))[:count]]


def lines(found: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the table of verdicts against failures, and how much one says about the other."""
    verdicts = ("converges", "orbits", "diverges")
    failed = {word: [each["covered"] < WORKS for each in found if each["verdict"] == word] for word in verdicts}
    yield from head("`gan-stability` on the Dirac-GAN", "runs", "fail", "95 % interval of the share")
    for word, each in failed.items():
        if each:
            low, high = stats.binomtest(sum(each), len(each)).proportion_ci(method="wilson")
            yield row(word, str(len(each)), str(sum(each)), f"{low:.0%} to {high:.0%}")
    stable, other = failed["converges"], failed["orbits"] + failed["diverges"]
    table = [[sum(other), len(other) - sum(other)], [sum(stable), len(stable) - sum(stable)]]
    p = float(stats.fisher_exact(table)[1])
    shares = [(bad + 1) / (bad + good + 2) for bad, good in table]  # Agresti & Caffo 2000
    error = sum(share * (1 - share) / (sum(counts) + 2) for share, counts in zip(shares, table, strict=True)) ** 0.5
    low, high = shares[0] - shares[1] - 1.96 * error, shares[0] - shares[1] + 1.96 * error
    right = sum(other) + len(stable) - sum(stable)
    yield ""
    more = sum(other) / len(other) - sum(stable) / len(stable)
    yield (
        f"Runs that it does not expect to converge fail more often, by {more:.0%} (95 % interval: {low:.0%} to"
        f" {high:.0%}; Fisher's exact test: p = {p:.2g}). It is right in {right} of {len(found)} cases."
    )


def main() -> None:
    """Compare verdicts with runs and print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of configs")
    parser.add_argument("--folder", type=Path, required=True, help="for what is done")
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    text = "\n".join(lines(results(arguments.folder, arguments.count, arguments.seed)))
    if arguments.write:
        insert(text, arguments.write, BEGIN, END)
    else:
        print(text)


if __name__ == "__main__":
    main()
