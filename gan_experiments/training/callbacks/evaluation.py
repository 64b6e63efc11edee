"""What a generator is measured with, by images seen."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import pytorch_lightning as pl
import torch

from gan_experiments.core.contracts import Batch
from gan_experiments.core.images import as_measured
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, NonNegativeInt, PositiveInt
from gan_experiments.metrics.evaluator import Evaluator, Result
from gan_experiments.systems.base import System, evaluation_mode, system_of
from gan_experiments.training.callbacks.log import log

LARGEST_SHARE = 0.1  # of the wall time, above which the rows of an evaluation come too often

_log = logging.getLogger(__name__)


class Evaluation(pl.Callback):
    """Measures the averaged generator: in rows that can be compared along the run, and once in full at its end.

    The rows, ``metrics/...``, all use ``samples`` images; the result, ``final/...``, uses ``final_samples``. The
    best row so far, by the evaluator's ``selection``, is remembered for the checkpoint of that moment.

    Args:
        evaluator: What measures.
        every: Images seen between two rows.
        samples: Generated images per row.
        final_samples: Generated images of the result.

    Raises:
        ConfigError: There are too few images for one of the measures, or none tells the best row.
    """

    def __init__(
        self, evaluator: Evaluator, every: PositiveInt, samples: PositiveInt, final_samples: PositiveInt
    ) -> None:
        evaluator.check(samples, "metrics.samples", full=False)
        evaluator.check(final_samples, "metrics.final_samples")
        self.evaluator = evaluator
        self.every = every
        self.samples = samples
        self.final_samples = final_samples
        self.selection = evaluator.selection
        self.best: dict[str, float] = {}
        self.final = Result({}, {}, {}, {})
        self.improved = False  # by the row of this very moment
        self._began_with: dict[str, str] | None = None  # the extractors of the run so far
        self._seconds = 0.0
        self._wall = 0.0  # that the run has taken in other processes
        self._started = time.perf_counter()
        self._hinted = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Load or train the extractors, now rather than hours later; one whose weights cannot be had is left out.

        Raises:
            ConfigError: The rows of this run so far were measured in other features.
        """
        self._started = time.perf_counter()
        missing = self.evaluator.prepare_what_there_is(trainer.world_size)
        self.evaluator.check(self.samples, "metrics.samples", full=False)  # now that the features are known
        self.evaluator.check(self.final_samples, "metrics.final_samples")
        for name, reason in missing.items() if trainer.is_global_zero else ():
            others = ", ".join(self.evaluator.extractors)
            _log.warning("metrics.%s: %s\nTraining goes on; it is measured with %s instead.", name, reason, others)
        found = {name: extractor.weight_hash for name, extractor in self.evaluator.extractors.items()}
        before = found if self._began_with is None else self._began_with
        if before.keys() != found.keys():
            told = f"metrics: this run was measured with {', '.join(before)} so far, {', '.join(found)} now"
            raise ConfigError([told, *missing.values()])
        if before != found and trainer.is_global_zero:
            _log.warning("the weights of %s have changed: rows before and after do not compare", ", ".join(found))
        self._began_with = found
        self._seconds += time.perf_counter() - self._started

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
        row = self.evaluator(self._images(trainer, self.samples), self.samples, *_place(trainer))
        if row[self.selection] < self.best.get(self.selection, float("inf")):
            self.best = {**row, "images_seen": clock.images_seen}
            self.improved = True
        values = {f"metrics/{name}": value for name, value in row.items()}
        took = time.perf_counter() - began
        if clock.finished:
            images = self._images(trainer, self.final_samples)
            self.final = self.evaluator.final(images, self.final_samples, *_place(trainer))
            values |= {f"final/{name}": value for name, value in self.final.values.items()}
        paused = time.perf_counter() - began
        self._seconds += paused
        system.paused += paused
        values |= {"speed/evaluation_seconds": self._seconds, "speed/evaluation_share": self.share}
        log(trainer, values)
        if trainer.is_global_zero and not clock.finished:
            self._hint(took, clock.images_seen)

    @property
    def share(self) -> float:
        """The part of the wall time so far that evaluation has taken."""
        return self._seconds / max(self._elapsed, 1e-9)

    def results(self) -> dict[str, Any]:
        """Return what belongs in the record of a run, with how it was obtained: plain values."""
        final = self.final
        how = {"samples": self.final_samples, "periodic_samples": self.samples, "generator": "ema", "truncation": None}
        return {
            "final": final.values,
            "margins": final.margins,
            "best": self.best,
            "real_baseline": final.real_baseline,
            "real_baseline_spread": final.real_baseline_spread,
            "evaluation": how | self.evaluator.provenance(),
            "evaluation_share": self.share,
        }

    def state_dict(self) -> dict[str, Any]:
        """Save what has been found, and with what."""
        return {
            "best": dict(self.best),
            "final": self.final._asdict(),
            "seconds": self._seconds,
            "wall_seconds": self._elapsed,
            "extractors": self._began_with,
            "left_out": dict(self.evaluator.left_out),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what had been found, in the same features: what was left out stays out."""
        self.best, self._seconds = state_dict["best"], state_dict["seconds"]
        self._began_with, self._wall = state_dict["extractors"], state_dict["wall_seconds"]
        self.final = Result(**state_dict["final"])
        self.evaluator.leave_out(state_dict["left_out"])

    @property
    def _elapsed(self) -> float:
        return self._wall + time.perf_counter() - self._started

    def _images(self, trainer: pl.Trainer, count: int) -> EvaluationSamples:
        system = system_of(trainer)
        return EvaluationSamples(system, count, system.seed)

    def _hint(self, row_seconds: float, images_seen: int) -> None:
        """Say once which interval would hold the rows to a tenth of the time, if they take more."""
        enough = interval(row_seconds, images_seen / max(self._elapsed - self._seconds, 1e-9))
        # The first row has the real images to extract as well, which no interval makes cheaper.
        if self._hinted or images_seen <= self.every or enough <= self.every or self.share <= LARGEST_SHARE:
            return
        self._hinted = True
        _log.warning(
            "evaluation has taken %.0f %% of the time; metrics.every=%d would hold its rows to a tenth",
            100 * self.share,
            enough,
        )


def interval(row_seconds: float, images_per_second: float) -> int:
    """Return the images between two rows of which each takes ``row_seconds`` that make them a tenth of the time."""
    exact = row_seconds * (1 / LARGEST_SHARE - 1) * images_per_second
    unit = int(10 ** max(0, math.floor(math.log10(max(exact, 1))) - 1))  # two digits say enough
    return math.ceil(exact / unit) * unit


class EvaluationSamples:
    """Generated images by their number, a function of the weights and the seed, however they are split up.

    Args:
        system: What generates.
        count: How many there are.
        seed: Of the latents; their stream is evaluation's own, so that evaluating changes no training.
        ema: Take the averaged generator.
        truncation: How much of the latents' variety to keep, as the generator defines it; ``None``: all.
    """

    def __init__(
        self, system: System, count: int, seed: int, ema: bool = True, truncation: float | None = None
    ) -> None:
        stream = Stream(seed, "evaluation")
        self._system = system
        self._ema = ema
        self._truncation = truncation
        self._latents = stream.normal(count, system.latent_dim)
        self._labels = stream.integers(system.num_classes, count) if system.num_classes else None

    def __call__(self, start: int, count: NonNegativeInt) -> Batch:
        """Return the images ``start`` to ``start + count``, uint8 ``(count, C, H, W)``, with the labels asked for."""
        device, wanted = self._system.device, slice(start, start + count)
        labels = None if self._labels is None else self._labels[wanted].to(device)
        latents = self._latents[wanted].to(device)
        if self._truncation is None:
            return Batch(as_measured(self._system.sample(latents, labels, self._ema)), labels)
        network: Any = self._system.ema.module if self._ema else self._system.generator
        with torch.no_grad(), evaluation_mode(network):
            return Batch(as_measured(network.truncated(latents, self._truncation, labels)), labels)


def _place(trainer: pl.Trainer) -> tuple[int, int]:
    return trainer.global_rank, trainer.world_size
