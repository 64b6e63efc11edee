"""Periodic and final evaluation of the generator."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from gan_experiments.core.clock import Clock
from gan_experiments.core.estimate import Estimate
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.core.weights import WeightsMissingError
from gan_experiments.data.inputs import Inputs
from gan_experiments.metrics.evaluator import Evaluator
from gan_experiments.metrics.processes import Processes
from gan_experiments.runs.results import plain
from gan_experiments.sampling.standing import standing_provenance
from gan_experiments.systems.base import System
from gan_experiments.training.callbacks.evaluation_samples import evaluation_samples
from gan_experiments.training.callbacks.stop import EvaluationStoppedError

MAX_SHARE = 0.1  # of the wall time, above which evaluating less often is suggested

_log = logging.getLogger(__name__)


class Measured(NamedTuple):
    """The outcome of an evaluation: scalars to log, by name, whether it is the best so far, and how long it took."""

    values: dict[str, float]
    improved: bool
    seconds: float


class Evaluation:
    """Measures the averaged generator: periodically during the run, and with all measures after its last step.

    Periodic values, ``metrics/...``, are all computed on ``samples`` images, so they are comparable along the run; the
    result, ``final/...``, on ``final_samples``.

    Args:
        evaluator: Computes the measures.
        every: Images seen between two periodic evaluations.
        samples: Generated images of a periodic evaluation.
        final_samples: Generated images of the final evaluation.
        allow_missing: Go on without an extractor whose weights are not on this machine and cannot be fetched.
        inputs: What a translator is given; at most as many images are measured.

    Attributes:
        selection: The measure that decides which evaluation is the best.
        best: The values of the best periodic evaluation so far, and its ``images_seen``.
        final: The result of the final evaluation.
        interrupted: Whether an evaluation was begun after the last step and given up.
        standing_batches: Batches of the standing statistics of batch norm, for the record.
        patience: Images seen without a better periodic evaluation after which the run ends; ``None``: it does not.

    Raises:
        ConfigError: Too few images for one of the measures, or none that can select the best, or its measure does not
            say whether higher is better.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        every: PositiveInt,
        samples: PositiveInt,
        final_samples: PositiveInt,
        allow_missing: bool = True,
        inputs: Inputs | None = None,
    ) -> None:
        self.evaluator = evaluator
        self._inputs = inputs
        self.every = every
        self.samples = samples
        self.final_samples = final_samples
        self._allow_missing = allow_missing
        self._check_counts()
        self.selection = evaluator.selection
        higher = evaluator.higher_is_better.get(self.selection)
        if higher is None:
            raise ConfigError(f"metrics: the measure of {self.selection} needs higher_is_better for this value")
        self._sign = -1.0 if higher else 1.0  # turns the selecting value into one of which less is better
        self.best: dict[str, float] = {}
        self.final: dict[str, Estimate] = {}
        self.interrupted = False
        self.patience: int | None = None
        self.standing_batches = 0
        self._weight_hashes: dict[str, str] | None = None  # of the extractors used so far in this run
        self._seconds = 0.0
        self._earlier_wall = 0.0  # wall time of the run in earlier processes
        self._started = time.perf_counter()
        self._hinted = False

    def check(self) -> None:
        """Load or train the extractors, so that everything that is wrong with them is known before the run starts.

        Raises:
            ConfigError: Weights are missing, which is not allowed, or invalid, or there are too few images for one of
                the measures.
        """
        try:
            self.evaluator.prepare()
        except WeightsMissingError as error:
            if not self._allow_missing:
                advice = "metrics=native needs none, and metrics.allow_missing=true trains without them"
                raise ConfigError([f"metrics: {problem}; {advice}" for problem in error.problems]) from error
            return  # ``prepare`` replaces the extractor, together with the other processes
        self._check_counts(None if self._inputs is None else len(self._inputs.tested))

    def prepare(self, main: bool) -> None:
        """Load or train the extractors, without those whose weights cannot be fetched; all processes must call.

        ``main`` says whether this process is the one that logs.

        Raises:
            ConfigError: As for ``check``, or the run has been evaluated with other extractors so far.
        """
        self._started = time.perf_counter()
        missing = self.evaluator.prepare_available()
        self._check_counts()  # some limits depend on the features
        for name, reason in missing.items() if main else ():
            others = ", ".join(self.evaluator.extractors)
            _log.warning("metrics.%s: %s\nTraining continues; %s is used instead.", name, reason, others)
        self._compare_extractors(missing, main)
        self._seconds += time.perf_counter() - self._started

    def measure(self, system: System, processes: Processes) -> Measured:
        """Evaluate periodically, and finally if the run ends here, by its budget or early; all processes must call.

        Raises:
            EvaluationStoppedError: From ``processes.between``; nothing has changed but ``interrupted``.
        """
        before = self.best, system.clock.ended_early
        try:
            measured = self._measure(system, processes)
        except EvaluationStoppedError:
            self.best, system.clock.ended_early = before
            self.interrupted = True
            raise
        self.interrupted = False
        return measured

    def _measure(self, system: System, processes: Processes) -> Measured:
        began, clock = time.perf_counter(), system.clock
        images = evaluation_samples(system, self._inputs, self.samples, system.seed)
        values = self.evaluator(images, len(images), processes)
        improved = self._is_better(values[self.selection])
        if improved:
            self.best = {**values, "images_seen": clock.images_seen}
        clock.ended_early = not clock.finished and self._is_stuck(clock)
        scalars = {f"metrics/{name}": value for name, value in values.items()}
        periodic_seconds = time.perf_counter() - began
        if clock.finished:
            images = evaluation_samples(system, self._inputs, self.final_samples, system.seed)
            self.final = self.evaluator.final(images, len(images), processes)
            self.final_samples = len(images)
            scalars |= {f"final/{name}": estimate.value for name, estimate in self.final.items()}
        seconds = time.perf_counter() - began
        self._seconds += seconds
        scalars |= {"speed/evaluation_seconds": self._seconds, "speed/evaluation_share": self.share}
        if processes.rank == 0 and not clock.finished:
            self._suggest_interval(periodic_seconds, clock.images_seen)
        return Measured(scalars, improved, seconds)

    def resume(self, clock: Clock) -> None:
        """End a resumed run that has ended early before; forget the result of one that has been made longer."""
        if self.final and not clock.finished:
            clock.ended_early = self._is_stuck(clock)
            self.final = self.final if clock.ended_early else {}

    def finished_early(self, clock: Clock) -> dict[str, Any]:
        """Return what the record says of a run that has ended early; empty for another."""
        if not clock.ended_early:
            return {}
        best_at = self.best.get("images_seen", 0)
        return {"finished_early": {"patience": self.patience, "best_at": best_at, "images_seen": clock.images_seen}}

    @property
    def share(self) -> float:
        """The fraction of the wall time so far that evaluation has taken."""
        return self._seconds / max(self._wall, 1e-9)

    def results(self) -> dict[str, Any]:
        """Return the results of the run and how they were obtained, for its record: plain values."""
        protocol = {
            "samples": self.final_samples, "periodic_samples": self.samples, "generator": "ema", "truncation": None,
        }  # fmt: skip
        return {
            "final": plain(self.final),
            "best": self.best,
            "evaluation": protocol | standing_provenance(self.standing_batches) | self.evaluator.provenance(),
            "evaluation_share": self.share,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the results so far and the extractors they were obtained with."""
        return {
            "best": dict(self.best),
            "final": plain(self.final),
            **({"interrupted": True} if self.interrupted else {}),
            "seconds": self._seconds,
            "wall_seconds": self._wall,
            "extractors": self._weight_hashes,
            "left_out": dict(self.evaluator.left_out),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the results so far; an extractor that was left out stays out."""
        self.best, self._seconds = state["best"], state["seconds"]
        self.interrupted = bool(state.get("interrupted"))
        hashes, self._earlier_wall = state["extractors"], state["wall_seconds"]
        self._weight_hashes = None if hashes is None else dict(hashes)
        self.final = {name: Estimate(**fields) for name, fields in state["final"].items()}
        self.evaluator.leave_out(state["left_out"])

    @property
    def _wall(self) -> float:
        return self._earlier_wall + time.perf_counter() - self._started

    def _is_better(self, value: float) -> bool:
        return self._sign * value < self._sign * self.best.get(self.selection, self._sign * math.inf)

    def _is_stuck(self, clock: Clock) -> bool:
        waited = clock.images_seen - self.best.get("images_seen", 0)
        return self.patience is not None and waited >= self.patience

    def _check_counts(self, available: int | None = None) -> None:
        """Check the numbers of images, of which there may be fewer ``available`` than asked for."""
        most = available or max(self.samples, self.final_samples)
        self.evaluator.check(min(self.samples, most), "metrics.samples", final=False)
        self.evaluator.check(min(self.final_samples, most), "metrics.final_samples")

    def _compare_extractors(self, missing: Mapping[str, str], main: bool) -> None:
        """Refuse other extractors than the run has been evaluated with so far; warn of other weights."""
        now = {name: extractor.weight_hash for name, extractor in self.evaluator.extractors.items()}
        before = now if self._weight_hashes is None else self._weight_hashes
        if before.keys() != now.keys():
            text = f"metrics: this run has been evaluated with {', '.join(before)} so far, with {', '.join(now)} now"
            raise ConfigError([text, *missing.values()])
        if before != now and main:
            _log.warning("the weights of %s have changed: values before and after are not comparable", ", ".join(now))
        self._weight_hashes = now

    def _suggest_interval(self, periodic_seconds: float, images_seen: int) -> None:
        """Suggest, once, the interval at which periodic evaluation would take a tenth of the time, if it takes more."""
        enough = interval(periodic_seconds, images_seen / max(self._wall - self._seconds, 1e-9))
        # The first evaluation also extracts the features of the real images, which no interval makes cheaper.
        if self._hinted or images_seen <= self.every or enough <= self.every or self.share <= MAX_SHARE:
            return
        self._hinted = True
        _log.warning(
            "evaluation has taken %.0f %% of the time; with metrics.every=%d it would take a tenth",
            100 * self.share,
            enough,
        )


def interval(periodic_seconds: float, images_per_second: float) -> int:
    """Return the images between evaluations of ``periodic_seconds`` each at which they take a tenth of the time."""
    exact = periodic_seconds * (1 / MAX_SHARE - 1) * images_per_second
    unit = int(10 ** max(0, math.floor(math.log10(max(exact, 1))) - 1))  # round up to two digits
    return math.ceil(exact / unit) * unit
