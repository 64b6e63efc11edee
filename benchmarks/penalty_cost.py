"""Cost of penalties: training speed in images/s with each penalty relative to none, interleaved in one process.

    python benchmarks/penalty_cost.py --rounds 9 --output benchmarks/results/penalty_cost.md

Each penalty has its default values, on a DCGAN with layer norm and the non-saturating loss, on random images; lecam is
active from the start. The speed of a lazy penalty includes its interval.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from typing import Any

import harness
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from gan_experiments.config.compose import compose
from gan_experiments.config.files import conf_dir
from gan_experiments.core.types import DataFacts
from gan_experiments.data.base import ImageData
from gan_experiments.training.build import build_system

BATCH, SIZE, CHANNELS = 64, 28, 32
STEPS = 8  # per measurement: two applications of a penalty of every fourth step
BASE = [
    "model=dcgan", "model.discriminator.norm=layer", f"batch_size={BATCH}",
    *(f"model.{name}.channels={CHANNELS}" for name in ("generator", "discriminator")),
]  # fmt: skip
ALWAYS = {"lecam": ["penalty.lecam.start_images=0"]}


class RandomImages(ImageData):
    """4,096 random grey images."""

    facts = DataFacts("random", SIZE, 1, num_images=4096)

    def load(self) -> tuple[torch.Tensor, None]:
        """Draw the images."""
        return torch.randint(256, (4096, 1, SIZE, SIZE), dtype=torch.uint8), None


def main() -> None:
    """Time all penalties alternately and print a table of medians and ratios."""
    options = harness.parser(__doc__, rounds=9, threads=1).parse_args()
    torch.set_num_threads(options.threads)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.ERROR)
    names = sorted((file.stem for file in (conf_dir() / "penalty").glob("*.yaml")), key=lambda name: name != "none")
    speeds = harness.turns({name: segment(name) for name in names}, options.rounds)
    about = f"{options.threads} thread(s)", f"DCGAN of {CHANNELS} channels, {SIZE}x{SIZE}, batch {BATCH}"
    harness.report([*harness.heading(*about), *table(speeds)], options.output)


def segment(penalty: str) -> Callable[[], float]:
    """Return a function that trains some steps and returns images/s, without start-up and the first step."""
    config: Any = OmegaConf.to_container(compose("train", [*BASE, f"penalty={penalty}", *ALWAYS.get(penalty, [])]))
    data = RandomImages()
    system = build_system(config, data)
    stamps: list[float] = []
    step = system.step

    def timed(*arguments: Any) -> None:
        step(*arguments)
        stamps.append(time.perf_counter())

    system.step = timed  # type: ignore[method-assign]

    def run() -> float:
        stamps.clear()
        trainer = pl.Trainer(
            accelerator="cpu", devices=1, barebones=True, max_epochs=1, limit_train_batches=STEPS + 1,
            use_distributed_sampler=False,
        )  # fmt: skip
        trainer.fit(system, datamodule=data)
        return STEPS * BATCH / (stamps[-1] - stamps[0])

    return run


def table(speeds: dict[str, list[float]]) -> list[str]:
    """Format medians of images/s, and of the ratios to no penalty of each round."""
    lines = harness.head("penalty", "images/s", "x none")
    for name, values in speeds.items():
        ratio = harness.ratio(values, speeds["none"])
        lines.append(harness.row(name, f"{statistics.median(values):,.0f}", f"{ratio:.2f}"))
    return lines


if __name__ == "__main__":
    main()
