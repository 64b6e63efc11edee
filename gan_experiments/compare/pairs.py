"""What can be said about one arm against another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gan_experiments.compare import statistics
from gan_experiments.compare.arms import ArmResult
from gan_experiments.compare.collect import Floats

_MOST_PAIRED_ARMS = 8  # beyond which, without a baseline, only the best arm is compared with the others


@dataclass(frozen=True)
class PairResult:
    """What can be said about ``first`` against ``second``.

    Attributes:
        first: An arm's label.
        second: Another's.
        seeds: Seeds of each, or pairs.
        paired: Whether they were compared in pairs.
        difference: Of the means, first minus second, as logged; NaN if no seed is left of either.
        low: Of its 95 % interval.
        high: Of its 95 % interval.
        p: Of the permutation test; NaN if not tested.
        adjusted: The same by Holm's correction.
        improvement: Probability that a seed of the first is better than one of the second.
        verdict: Of the first: ``better``, ``worse``, ``too close to call``, ``too few seeds`` if not even the largest
            difference could have been called, or ``not tested``.
        needed: Seeds per arm that would probably settle it; ``None`` if settled or not known.
    """

    first: str
    second: str
    seeds: tuple[int, int]
    paired: bool
    difference: float
    low: float
    high: float
    p: float
    adjusted: float
    improvement: float
    verdict: str
    needed: int | None


def pairs_to_test(arms: Sequence[ArmResult], baseline: str | None) -> tuple[list[tuple[ArmResult, ArmResult]], int]:
    """Choose which arms meet, and how many meetings the correction counts."""
    there = [arm for arm in arms if arm.count]
    if baseline is not None:
        against = [arm for arm in there if arm.label == baseline]
        chosen = [(arm, other) for other in against for arm in there if arm is not other]
        return chosen, len(chosen)
    family = len(there) * (len(there) - 1) // 2
    firsts = there if len(there) <= _MOST_PAIRED_ARMS else there[:1]
    return [(arm, other) for place, arm in enumerate(firsts) for other in there[place + 1 :]], family


def compare_arms(chosen: Sequence[tuple[ArmResult, ArmResult]], family: int, sign: float) -> list[PairResult]:
    """Compare arms two by two; ``sign`` turns differences of outcomes into those of figures."""
    tested = [_test(first, second, family) for first, second in chosen]
    known = [place for place, test in enumerate(tested) if not math.isnan(test.p)]
    adjusted = [math.nan] * len(tested)
    for place, value in zip(known, statistics.holm([tested[place].p for place in known], family), strict=True):
        adjusted[place] = value
    return [
        _pair(first, second, test, value, family, sign)
        for (first, second), test, value in zip(chosen, tested, adjusted, strict=True)
    ]


class _Tested(NamedTuple):
    first: Floats
    second: Floats
    paired: bool
    p: float


def _test(first: ArmResult, second: ArmResult, family: int) -> _Tested:
    common = [block for block in first.outcomes if block in second.outcomes]
    together = len(common) == first.count == second.count
    paired = bool(statistics.testable_in_pairs(len(common), first.count, second.count, family))
    # In one order of blocks where both have them all, whichever the test: it tells how much they go together.
    a = np.array([first.outcomes[block] for block in (common if together else first.outcomes)])
    b = np.array([second.outcomes[block] for block in (common if together else second.outcomes)])
    p = statistics.p_value(a, b, paired) if min(len(a), len(b)) >= 2 else math.nan
    return _Tested(a, b, paired, p)


def _pair(first: ArmResult, second: ArmResult, test: _Tested, adjusted: float, family: int, sign: float) -> PairResult:
    a, b = test.first, test.second
    both = np.isfinite(a) & np.isfinite(b) if test.paired else None
    left, right = (a[both], b[both]) if both is not None else (a[np.isfinite(a)], b[np.isfinite(b)])
    difference = float(left.mean() - right.mean()) if len(left) and len(right) else math.nan
    low, high = statistics.difference_interval(left, right, test.paired)
    scored = statistics.scores(a, b)
    ahead = scored[0].mean() < scored[1].mean()
    called = adjusted <= statistics.ALPHA
    verdict = (statistics.BETTER if ahead else statistics.WORSE) if called else statistics.CLOSE
    if statistics.smallest_p(len(a), len(b), test.paired) * family > statistics.ALPHA:
        verdict = statistics.FEW_SEEDS
    return PairResult(
        first=first.label,
        second=second.label,
        seeds=(len(a), len(b)),
        paired=test.paired,
        difference=sign * difference,
        low=min(sign * low, sign * high),
        high=max(sign * low, sign * high),
        p=test.p,
        adjusted=adjusted,
        improvement=statistics.probability_of_improvement(a, b),
        verdict=statistics.UNTESTED if math.isnan(adjusted) else verdict,
        needed=None if called else statistics.seeds_needed(a, b, family),
    )
