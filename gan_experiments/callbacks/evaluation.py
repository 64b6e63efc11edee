"""FID, IS and whatever else is measured, by images seen."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from gan_experiments.callbacks.log import log
from gan_experiments.images import as_measured
from gan_experiments.metrics.evaluate import Evaluator
from gan_experiments.randomness import Stream
from gan_experiments.systems.base import System, system_of
from gan_experiments.types import NonNegativeInt, PositiveInt


class Evaluation(pl.Callback):
    """Measures the averaged generator: in rows that can be compared along the run, and once in full at its end.

    The rows, ``metrics/...``, all use ``samples`` images; the result, ``final/...``, uses ``final_samples``. The
    best row so far, by ``selection``, is remembered for the checkpoint of that moment.

    Args:
        evaluator: What measures.
        every: Images seen between two rows.
        samples: Generated images per row.
        final_samples: Generated images of the result.
        selection: The measure that tells the best row: the smallest.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        every: PositiveInt,
        samples: PositiveInt,
        final_samples: PositiveInt,
        selection: str = "fid",
    ) -> None:
        self.evaluator = evaluator
        self.every = every
        self.samples = samples
        self.final_samples = final_samples
        self.selection = selection
        self.best: dict[str, float] = {}
        self.final: dict[str, float] = {}
        self.improved = False  # by the row of this very moment
        self._seconds = 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Measure when a row is due, and in full when the budget is spent."""
        self.improved = False
        system = system_of(trainer)
        clock = system.clock
        if not clock.due(self.every):
            return
        began = time.perf_counter()
        row = self._measure(trainer, self.samples)
        if row[self.selection] < self.best.get(self.selection, float("inf")):
            self.best = {**row, "images_seen": clock.images_seen}
            self.improved = True
        values = {f"metrics/{name}": value for name, value in row.items()}
        if clock.finished:
            self.final = self._measure(trainer, self.final_samples)
            values |= {f"final/{name}": value for name, value in self.final.items()}
        took = time.perf_counter() - began
        self._seconds += took
        system.paused += took
        values["speed/evaluation_seconds"] = self._seconds
        log(trainer, values)

    def _measure(self, trainer: pl.Trainer, count: int) -> dict[str, float]:
        system = system_of(trainer)
        samples = EvaluationSamples(system, count, system.seed)
        return self.evaluator(samples, count, trainer.global_rank, trainer.world_size)

    def state_dict(self) -> dict[str, Any]:
        """Save what has been found."""
        return {"best": dict(self.best), "final": dict(self.final), "seconds": self._seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what had been found."""
        self.best, self.final = state_dict["best"], state_dict["final"]
        self._seconds = state_dict["seconds"]


class EvaluationSamples:
    """Generated images by their number, a function of the weights and the seed, however they are split up.

    Args:
        system: What generates.
        count: How many there are.
        seed: Of the latents; their stream is evaluation's own, so that evaluating changes no training.
    """

    def __init__(self, system: System, count: int, seed: int, ema: bool = True) -> None:
        stream = Stream(seed, "evaluation")
        self._system = system
        self._ema = ema
        self._latents = stream.normal(count, system.latent_dim)
        self._labels = stream.integers(system.num_classes, count) if system.num_classes else None

    def __call__(self, start: int, count: NonNegativeInt) -> Tensor:
        """Return the images ``start`` to ``start + count``: uint8, ``(count, C, H, W)``; points: float32."""
        device, wanted = self._system.device, slice(start, start + count)
        labels = None if self._labels is None else self._labels[wanted].to(device)
        return as_measured(self._system.sample(self._latents[wanted].to(device), labels, self._ema))
