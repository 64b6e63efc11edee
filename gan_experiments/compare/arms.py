"""What each arm of a study has come to."""

from __future__ import annotations

import math
import statistics as median_of
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gan_experiments.compare import statistics
from gan_experiments.compare.collect import Floats, Run
from gan_experiments.compare.design import Arm, Block


class Measure(NamedTuple):
    """What is compared.

    Attributes:
        name: As it was logged.
        figure: ``final``, or ``best``: of the rows along the run.
        higher: Whether more is better.
    """

    name: str
    figure: str
    higher: bool

    def outcome(self, run: Run, figure: str | None = None) -> float | None:
        """Return what the run has reached, turned so that smaller is better; ``inf`` if it diverged.

        ``None`` if the run has not come to an end, or has not been measured.
        """
        if run.status == "diverged":
            return math.inf
        if run.status != "finished":
            return None
        sign = -1.0 if self.higher else 1.0
        if (figure or self.figure) == "final":
            final = run.record.get("final")
            value = final.get(self.name) if isinstance(final, Mapping) else None
            if not isinstance(value, (int, float)):
                return None
            return sign * value if math.isfinite(value) else math.inf
        rows = self.rows(run)
        rows = rows[np.isfinite(rows)] if rows is not None else None
        return None if rows is None or not len(rows) else float(rows.min())

    def rows(self, run: Run) -> Floats | None:
        """Return the measure along the run, turned so that smaller is better."""
        curve = run.curves.get(self.name)
        return None if curve is None else (-curve.values if self.higher else curve.values)


class Spread(NamedTuple):
    """The mean over the seeds that have a finite figure, its 95 % interval, and the median over all seeds."""

    mean: float
    low: float
    high: float
    median: float


@dataclass(frozen=True)
class ArmResult:
    """What an arm has come to. Figures are as logged; a median is ``inf`` (``-inf``) if half the seeds diverged.

    Attributes:
        arm: The runs.
        outcomes: Of each block that has ended, smaller is better.
        diverged: How many of them diverged.
        final: At the end, in full.
        best: Of the rows along the run.
        gap: How much worse the last row is than the best, mean over seeds.
        reached: Share of seeds that have reached the threshold.
        reached_images: Median real images until then; ``inf`` if half the seeds never did.
        reached_seconds: The same in training seconds.
        cost: Medians over finished runs by name; ``None`` where not recorded.
    """

    arm: Arm
    outcomes: dict[Block, float]
    diverged: int
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

    def final_or_best(self, figure: str) -> Spread:
        """Return the spread of one of the two figures."""
        return self.final if figure == "final" else self.best

    @property
    def rank(self) -> tuple[float, float]:
        """What arms are ranked by: the median over all seeds, then the mean of those that did not diverge."""
        values = list(self.outcomes.values())
        finite = [value for value in values if math.isfinite(value)]
        return (
            median_of.median(values) if values else math.inf,
            median_of.fmean(finite) if finite else math.inf,
        )


def outcomes(arm: Arm, measure: Measure, figure: str | None = None) -> dict[Block, float]:
    """Return what each run that has ended has reached, see ``Measure.outcome``."""
    found = {block: measure.outcome(run, figure) for block, run in arm.runs.items()}
    return {block: value for block, value in found.items() if value is not None}


def arm_result(arm: Arm, measure: Measure, threshold: float) -> ArmResult:
    """Summarize an arm; ``threshold`` is turned like an outcome."""
    ends = outcomes(arm, measure)
    ended = [run for run in arm.runs.values() if run.status in ("finished", "diverged")]
    finished = [run for run in ended if run.status == "finished"]
    rows = [rows for run in finished if (rows := measure.rows(run)) is not None and np.isfinite(rows).all()]
    images, seconds = zip(*(_reaching(run, measure, threshold) for run in ended), strict=True) if ended else ((), ())
    return ArmResult(
        arm=arm,
        outcomes=ends,
        diverged=sum(math.isinf(value) for value in ends.values()),
        final=spread(outcomes(arm, measure, "final").values(), measure.higher),
        best=spread(outcomes(arm, measure, "best").values(), measure.higher),
        gap=float(np.mean([row[-1] - row.min() for row in rows])) if rows else math.nan,
        reached=float(np.mean(np.isfinite(images))) if images else math.nan,
        reached_images=median_of.median(images) if images else math.nan,
        reached_seconds=median_of.median(seconds) if seconds else math.nan,
        cost=_cost(finished),
    )


def spread(values: Collection[float], higher: bool) -> Spread:
    """Summarize outcomes as figures; ``higher`` turns them back."""
    figures = np.array(list(values)) * (-1.0 if higher else 1.0)
    if not len(figures):
        return Spread(*[math.nan] * 4)
    finite = figures[np.isfinite(figures)]
    if not len(finite):
        return Spread(math.nan, math.nan, math.nan, float(figures[0]))
    return Spread(float(finite.mean()), *statistics.mean_interval(finite), float(median_of.median(figures)))


def _reaching(run: Run, measure: Measure, threshold: float) -> tuple[float, float]:
    """Return the images and seconds at the first row that is as good as ``threshold``; ``inf`` if none is."""
    curve, rows = run.curves.get(measure.name), measure.rows(run)
    if curve is None or rows is None or not (rows <= threshold).any():
        return math.inf, math.inf
    first = int((rows <= threshold).argmax())
    return float(curve.images[first]), float(curve.seconds[first])


def _cost(finished: Sequence[Run]) -> dict[str, float | None]:
    costs = {}
    for name in ("images", "d_updates", "g_updates", "seconds", "images_per_second", "peak_memory"):
        known = [value for run in finished if (value := costs_of(run)[name]) is not None]
        costs[name] = median_of.median(known) if known else None
    return costs


def costs_of(run: Run) -> dict[str, float | None]:
    """Return what a run has cost, by name: images and updates, training seconds, images/s, bytes."""
    images, seconds = run.noted("images_seen"), run.noted("seconds")
    speed = run.noted("images_per_second")
    return {
        "images": images,
        "d_updates": run.noted("steps", "discriminator"),
        "g_updates": run.noted("steps", "generator"),
        "seconds": seconds,
        "images_per_second": images / seconds if speed is None and images and seconds else speed,
        "peak_memory": run.noted("peak_memory_bytes"),
    }
