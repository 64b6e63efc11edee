"""Pairwise tests between arms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gan_experiments.comparison import statistics
from gan_experiments.comparison.arms import ArmResult
from gan_experiments.runs.metrics_table import Floats

_MOST_PAIRED_ARMS = 8  # with more of them and no baseline, only the best arm is compared with the others


@dataclass(frozen=True)
class PairResult:
    """Result of the test of one arm against another.

    Attributes:
        first: Label of an arm.
        second: Label of the other.
        seeds: Seeds of each.
        paired: Whether they were compared seed by seed.
        difference: Difference of the means, first minus second, as logged; NaN if one has no finite score.
        low: Lower end of its 95 % interval.
        high: Upper end of its 95 % interval.
        p: p value of the permutation test; NaN if not tested.
        adjusted: The p value after Holm's correction.
        improvement: Probability that a seed of the first is better than one of the second.
        verdict: The first is ``better`` or ``worse``, it is ``too close to call``, there are ``too few seeds`` for even
            the largest difference to be significant, or it was ``not tested``.
        seeds_needed: Seeds per arm with which the test would probably be significant; ``None`` if it is, or if that is
            not known.
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
    seeds_needed: int | None


def pairs_to_test(arms: Sequence[ArmResult], baseline: str | None) -> tuple[list[tuple[ArmResult, ArmResult]], int]:
    """Return the pairs of arms to compare, and for how many comparisons to correct."""
    ended = [arm for arm in arms if arm.count]
    if baseline is not None:
        against = [arm for arm in ended if arm.label == baseline]
        chosen = [(arm, other) for other in against for arm in ended if arm is not other]
        return chosen, len(chosen)
    family = len(ended) * (len(ended) - 1) // 2
    firsts = ended if len(ended) <= _MOST_PAIRED_ARMS else ended[:1]
    return [(arm, other) for rank, arm in enumerate(firsts) for other in ended[rank + 1 :]], family


def compare_arms(chosen: Sequence[tuple[ArmResult, ArmResult]], family: int, sign: float) -> list[PairResult]:
    """Test pairs of arms; ``sign`` turns differences of outcomes into differences of logged values."""
    tested = [_test(first, second, family) for first, second in chosen]
    known = [index for index, test in enumerate(tested) if not math.isnan(test.p)]
    adjusted = [math.nan] * len(tested)
    for index, value in zip(known, statistics.holm([tested[index].p for index in known], family), strict=True):
        adjusted[index] = value
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
    complete = len(common) == first.count == second.count
    paired = bool(statistics.testable_in_pairs(len(common), first.count, second.count, family))
    # Both in the same order of blocks if no seed is missing, even if not tested in pairs: ``seeds_needed`` uses their
    # correlation.
    a = np.array([first.outcomes[block] for block in (common if complete else first.outcomes)])
    b = np.array([second.outcomes[block] for block in (common if complete else second.outcomes)])
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
    significant = adjusted <= statistics.ALPHA
    verdict = (statistics.BETTER if ahead else statistics.WORSE) if significant else statistics.CLOSE
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
        seeds_needed=None if significant else statistics.seeds_needed(a, b, family),
    )
