"""When runs of a sequential study are stopped by their curves, and how stopped runs count. Smaller is better.

A stopped run has no final value, only a bound: its value when it was stopped, improved by more than any finished run
of the study has improved from there on. It counts as if it had reached that, and no other value of its arm counts as
worse, so the mean of the arm is taken to be at least as good as it is: an arm that is worse nevertheless is worse. That
it is better cannot be shown in this way, and is not: an arm with stopped runs is never better.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from gan_experiments.comparison.difference import Difference, compare_values
from gan_experiments.comparison.statistics import ALPHA
from gan_experiments.runs.metrics_table import Floats
from gan_experiments.runs.stop_rule import StopRule

_DISTANCE = 4.0  # ranges of the best arm; with 0 most verdicts on a clear loser were lost, by simulation
LEAST_RUNS, LEAST_OF_ARM = 10, 3  # finished runs that a rule needs; of the baseline, and of the arm whose runs it stops


class AtBest(float):
    """The outcome of a stopped run: the best that it could have reached."""


class Course(NamedTuple):
    """A finished run.

    Attributes:
        shares: Images seen at its periodic evaluations, as shares of its budget: ``(N,)``.
        values: What they have measured: ``(N,)``.
        final: Its final value.
    """

    shares: Floats
    values: Floats
    final: float


def has_stopped(outcomes: Collection[float]) -> bool:
    """Tell whether any of the runs was stopped."""
    return any(isinstance(value, AtBest) for value in outcomes)


def compare_outcomes(
    first: Collection[float], second: Collection[float], matched: bool, level: float = ALPHA
) -> tuple[Floats, Floats, Difference]:
    """Test whether two arms differ, some runs of which may have been stopped.

    Args:
        first: Outcomes of an arm.
        second: Those of the other.
        matched: Whether they have the same seeds, in this order.
        level: One minus the coverage of the interval.

    Returns:
        The values as they count, and the test. The interval has no upper end if runs of the first arm were stopped, and
        no lower end if runs of the second were.
    """
    a, b = _counted(first), _counted(second)
    result = compare_values(a, b, matched, level)
    open_above, open_below = has_stopped(first), has_stopped(second)
    if not math.isnan(result.low):
        ends = -math.inf if open_below else result.low, math.inf if open_above else result.high
        result = result._replace(low=ends[0], high=ends[1])
    cannot_be_shown = open_above if result.ahead else open_below
    return a, b, result._replace(p=1.0, p_if_normal=1.0) if cannot_be_shown else result


def _counted(outcomes: Collection[float]) -> Floats:
    values = np.array(list(outcomes), dtype=np.float64)
    worst = min((value for value in outcomes if isinstance(value, AtBest)), default=math.inf)
    return np.where(np.isfinite(values), np.minimum(values, worst), values)


def learn_rule(
    courses: Mapping[str, Sequence[Course]],
    outcomes: Mapping[str, Collection[float]],
    baseline: str | None,
    measure: str,
    sign: float = 1.0,
) -> StopRule | None:
    """Learn from the finished runs of a study how much a run may still improve, and what it must be able to reach.

    From a share of the budget on a run may improve by the largest improvement of all runs from there or later on, and
    by as much again as that exceeds the median one. Improvements are ratios where all values are positive and lower is
    better. What it must be able to reach lies beyond the worst outcome of the baseline, or of the arm with the best
    median, by four times the distance between the best and the worst of that arm: so far off an arm is still seen to be
    worse if its run counts as the best that it could have reached.

    Args:
        courses: Finished runs of each arm.
        outcomes: Outcomes of each arm.
        baseline: The arm that the others are compared with; ``None``: all pairs.
        measure: What runs are compared by.
        sign: -1 if higher values are better, of which the courses and outcomes are the negatives.

    Returns:
        ``None`` if there are too few runs, if they have no periodic values before their end, or if a run of that arm
        has no finite outcome.
    """
    runs = [course for arm in courses.values() for course in arm if len(course.shares)]
    best = baseline or min(outcomes, key=lambda arm: median(outcomes[arm]) if outcomes[arm] else math.inf)
    worst = max(outcomes[best], default=math.inf)
    known = math.isfinite(worst) and not has_stopped(outcomes[best]) and len(outcomes[best]) >= LEAST_OF_ARM
    if len(runs) < LEAST_RUNS or not known:
        return None
    limit = worst + _DISTANCE * (worst - min(outcomes[best]))
    logarithmic = sign > 0 and all(run.final > 0 and (run.values > 0).all() for run in runs)
    gains = list(_gains(runs, logarithmic))
    largest = np.maximum.accumulate([gain for _, gain in reversed(gains)])[::-1]
    pairs = [(share, float(gain)) for (share, _), gain in zip(gains, largest, strict=True)]
    return StopRule(measure, sign < 0, logarithmic, sign * limit, best, pairs) if pairs else None


def _gains(runs: Sequence[Course], logarithmic: bool) -> Iterator[tuple[float, float]]:
    """Yield shares of the budget at which all runs have a value, and how much a run may improve from there on."""
    begin = max(float(run.shares[0]) for run in runs)
    for share in sorted({float(share) for run in runs for share in run.shares if begin <= share < 1}):
        values = np.array([run.values[np.searchsorted(run.shares, share, side="right") - 1] for run in runs])
        finals = np.array([run.final for run in runs])
        improved = np.log(values / finals) if logarithmic else values - finals
        yield share, max(0.0, float(2 * improved.max() - np.median(improved)))


def stoppable(courses: Mapping[str, Sequence[Course]], rule: StopRule) -> list[str]:
    """Return the arms whose runs a rule may stop: other ones than it is taken from, with enough finished runs."""
    return [arm for arm, runs in courses.items() if arm != rule.against and len(runs) >= LEAST_OF_ARM]
