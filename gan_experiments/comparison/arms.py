"""Per-arm summary statistics: scores over seeds, time to a threshold, cost."""

from __future__ import annotations

import math
import statistics as medians
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from gan_experiments.comparison import statistics
from gan_experiments.comparison.collect import CollectedRun
from gan_experiments.comparison.design import Arm, Block
from gan_experiments.comparison.stopping import AtBest, has_stopped
from gan_experiments.core.dotted import value_of
from gan_experiments.runs.metrics_table import Floats
from gan_experiments.runs.results import scores

Score = Literal["final", "best"]
# What a run costs: columns of the tables by their key in the record.
COSTS = {
    "images": "images_seen",
    "d_updates": "steps.discriminator",
    "g_updates": "steps.generator",
    "seconds": "seconds",
    "images_per_second": "images_per_second",
    "peak_memory": "peak_memory_bytes",
}


class Criterion(NamedTuple):
    """What runs are compared by.

    Attributes:
        measure: Its name in the log.
        score: ``final``: the final evaluation; ``best``: the best periodic evaluation.
        higher_is_better: Whether more is better.
    """

    measure: str
    score: Score
    higher_is_better: bool

    @property
    def sign(self) -> float:
        """The factor that makes smaller values better, and turns them back."""
        return -1.0 if self.higher_is_better else 1.0

    def outcome(self, run: CollectedRun, score: Score | None = None) -> float | None:
        """Return the score of a run times ``sign``, so that smaller is better; ``inf`` if it diverged.

        ``None`` if the run has not ended or has not been evaluated. Of a stopped run only the final score is known, as
        ``AtBest``, of the measure that it was stopped by.
        """
        if run.status == "diverged":
            return math.inf
        if run.status == "stopped":
            bound = run.recorded("stopped.bound")
            known = (score or self.score) == "final" and value_of(run.record, "stopped.measure") == self.measure
            return AtBest(self.sign * bound) if known and bound is not None else None
        if run.status != "finished":
            return None
        if (score or self.score) == "final":
            value = scores(run.record).get(self.measure)
            if value is None:
                return None
            return self.sign * value if math.isfinite(value) else math.inf
        values = self.periodic(run)
        return None if values is None else float(values.min(initial=math.inf, where=np.isfinite(values)))

    def periodic(self, run: CollectedRun) -> Floats | None:
        """Return the periodic evaluations of a run times ``sign``, so that smaller is better."""
        curve = run.curves.get(self.measure)
        return None if curve is None else self.sign * curve.values


class Spread(NamedTuple):
    """The mean over the seeds with a finite score, its 95 % interval, and the median over all seeds."""

    mean: float
    low: float
    high: float
    median: float


@dataclass(frozen=True)
class ArmResult:
    """Summary of an arm. Values are as logged; a median is ``inf`` (``-inf``) if half the seeds diverged.

    Attributes:
        arm: The runs.
        outcomes: Score of each block that has ended, smaller is better.
        diverged: How many of them diverged.
        stopped: How many of them were stopped.
        final: The final evaluation.
        best: The best periodic evaluation.
        gap: How much worse the last periodic evaluation is than the best, mean over seeds.
        reached: Share of seeds that have reached the threshold; NaN if there is none.
        reached_images: Median real images until then; ``inf`` if half the seeds never did.
        reached_seconds: Median training seconds until then; NaN if not all were logged.
        cost: Medians over finished runs by the keys of ``COSTS``; ``None`` where not recorded.
    """

    arm: Arm
    outcomes: dict[Block, float]
    diverged: int
    stopped: int
    final: Spread
    best: Spread
    gap: float
    reached: float
    reached_images: float
    reached_seconds: float
    cost: dict[str, float | None]

    @property
    def label(self) -> str:
        """The arm's label."""
        return self.arm.label

    @property
    def count(self) -> int:
        """Seeds that have ended."""
        return len(self.outcomes)

    def spread(self, score: Score) -> Spread:
        """Return the spread of one of the two scores."""
        return self.final if score == "final" else self.best

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key: the median over all seeds, then the mean of those that did not diverge."""
        values = list(self.outcomes.values())
        finite = [value for value in values if math.isfinite(value)]
        return (medians.median(values) if values else math.inf, medians.fmean(finite) if finite else math.inf)


def outcomes(arm: Arm, criterion: Criterion, score: Score | None = None) -> dict[Block, float]:
    """Return the outcome of each run that has ended, see :meth:`Criterion.outcome`."""
    by_block = {block: criterion.outcome(run, score) for block, run in arm.runs.items()}
    return {block: value for block, value in by_block.items() if value is not None}


def arm_result(arm: Arm, criterion: Criterion, threshold: float) -> ArmResult:
    """Summarize an arm; of ``threshold`` as of an outcome, smaller is better."""
    ends = outcomes(arm, criterion)
    ended = [run for run in arm.runs.values() if run.ended]
    finished = [run for run in ended if run.status == "finished"]
    stopped = sum(run.status == "stopped" for run in ended)
    periodic = [criterion.periodic(run) for run in finished]
    complete = [values for values in periodic if values is not None and np.isfinite(values).all()]
    reached = [_first_reaching(run, criterion, threshold) for run in ended if not math.isnan(threshold)]
    images, seconds = zip(*reached, strict=True) if reached else ((), ())
    spent = [costs_of(run) for run in finished]
    costs = {name: [value for each in spent if (value := each[name]) is not None] for name in COSTS}
    return ArmResult(
        arm=arm,
        outcomes=ends,
        diverged=sum(math.isinf(value) for value in ends.values()),
        stopped=stopped,
        final=spread(outcomes(arm, criterion, "final").values(), criterion.sign),
        best=spread([] if stopped else outcomes(arm, criterion, "best").values(), criterion.sign),
        gap=float(np.mean([values[-1] - values.min() for values in complete])) if complete else math.nan,
        reached=float(np.mean(np.isfinite(images))) if images else math.nan,
        reached_images=float(np.median(images)) if images else math.nan,
        reached_seconds=float(np.median(seconds)) if seconds else math.nan,
        cost={name: medians.median(values) if values else None for name, values in costs.items()},
    )


def spread(outcomes: Collection[float], sign: float = 1.0) -> Spread:
    """Summarize outcomes as logged values; ``sign`` turns them back."""
    values = np.array(list(outcomes)) * sign
    if not len(values):
        return Spread(*[math.nan] * 4)
    finite, middle = values[np.isfinite(values)], float(medians.median(values))
    if has_stopped(outcomes) or not len(finite):
        return Spread(math.nan, math.nan, math.nan, middle)
    return Spread(float(finite.mean()), *statistics.mean_interval(finite), middle)


def costs_of(run: CollectedRun) -> dict[str, float | None]:
    """Return the cost of a run by the keys of ``COSTS``."""
    costs = {name: run.recorded(key) for name, key in COSTS.items()}
    images, seconds = costs["images"], costs["seconds"]
    if costs["images_per_second"] is None and images and seconds:
        costs["images_per_second"] = images / seconds
    return costs


def _first_reaching(run: CollectedRun, criterion: Criterion, threshold: float) -> tuple[float, float]:
    """Return images and seconds at the first periodic evaluation as good as ``threshold``; ``inf`` if none is."""
    curve, values = run.curves.get(criterion.measure), criterion.periodic(run)
    if curve is None or values is None or not (values <= threshold).any():
        return math.inf, math.inf
    first = int((values <= threshold).argmax())
    return float(curve.images[first]), float(curve.seconds[first])
