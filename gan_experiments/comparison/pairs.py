"""Pairwise tests between arms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gan_experiments.comparison import statistics
from gan_experiments.comparison.arms import ArmResult
from gan_experiments.comparison.difference import Difference
from gan_experiments.comparison.seeds_needed import seeds_needed
from gan_experiments.comparison.sequential import Plan
from gan_experiments.comparison.stopping import compare_outcomes
from gan_experiments.runs.metrics_table import Floats

_UNTESTED = Difference(math.nan, math.nan, math.nan, ahead=False, paired=False)
_MOST_PAIRED_ARMS = 8  # with more of them and no baseline, only the best arm is compared with the others


@dataclass(frozen=True)
class PairResult:
    """Result of the test of one arm against another.

    Attributes:
        first: Label of an arm.
        second: Label of the other.
        seeds: Seeds of each.
        paired: Whether the p value and the interval are those of pairs of the same seed.
        difference: Difference of the means, first minus second, as logged; NaN if one has no finite score.
        low: Lower end of its 95 % interval; NaN if a seed has diverged, infinite if runs were stopped.
        high: Upper end of its 95 % interval.
        p: p value of the test of the difference; NaN if not tested.
        adjusted: The p value after Holm's correction.
        improvement: Probability that a seed of the first is better than one of the second.
        verdict: The first is ``better`` or ``worse``, ``equivalent``, it is ``too close to call``, there are
            ``too few seeds`` for even the largest difference to be significant, or it was ``not tested``.
        seeds_needed: Seeds per arm with which the test would probably be significant, infinite if 1000 are not enough;
            ``None`` if it is, or if that is not known.
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
    seeds_needed: float | None


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


def compare_arms(
    chosen: Sequence[tuple[ArmResult, ArmResult]], family: int, sign: float, plan: Plan | None = None
) -> list[PairResult]:
    """Test pairs of arms; ``sign`` turns differences of outcomes into differences of logged values.

    With the ``plan`` of a sequential study, tests and intervals allow for its looks; blocks are seeds then.
    """
    tested = [_test(first, second, plan) for first, second in chosen]
    known = [index for index, test in enumerate(tested) if not math.isnan(test.result.p)]
    adjusted = [math.nan] * len(tested)
    for index, value in zip(known, statistics.holm([tested[index].result.p for index in known], family), strict=True):
        adjusted[index] = value
    return [
        _pair(first, second, test, value, family, sign, plan)
        for (first, second), test, value in zip(chosen, tested, adjusted, strict=True)
    ]


class _Tested(NamedTuple):
    first: Floats
    second: Floats
    matched: bool
    result: Difference


def _test(first: ArmResult, second: ArmResult, plan: Plan | None) -> _Tested:
    common = [block for block in first.outcomes if block in second.outcomes]
    matched = len(common) == first.count == second.count
    ends, others = ([arm.outcomes[block] for block in (common if matched else arm.outcomes)] for arm in (first, second))
    if plan is not None:
        by_seed = [{int(block[0]): value for block, value in arm.outcomes.items()} for arm in (first, second)]
        look = plan.test(*by_seed)
        if look:
            return _Tested(look.first, look.second, look.matched, look.result)
    elif min(len(ends), len(others)) > 1:
        a, b, result = compare_outcomes(ends, others, matched)
        return _Tested(a, b, matched, result)
    return _Tested(np.array(ends), np.array(others), matched, _UNTESTED)


def _pair(
    first: ArmResult, second: ArmResult, test: _Tested, adjusted: float, family: int, sign: float, plan: Plan | None
) -> PairResult:
    a, b, result = test.first, test.second, test.result
    finite = [values[np.isfinite(values)] for values in (a, b)]
    difference = float(finite[0].mean() - finite[1].mean()) if min(map(len, finite)) else math.nan
    significant = adjusted <= statistics.ALPHA
    verdict = (statistics.BETTER if result.ahead else statistics.WORSE) if significant else statistics.CLOSE
    if plan is not None and plan.is_equivalent(result) and not significant:
        verdict = statistics.EQUIVALENT
    if plan is None and not significant and statistics.smallest_p(len(a), len(b)) * family > statistics.ALPHA:
        verdict = statistics.FEW_SEEDS
    unneeded = significant or plan is not None or math.isinf(result.low) or math.isinf(result.high)  # or unknown
    return PairResult(
        first=first.label,
        second=second.label,
        seeds=(len(a), len(b)),
        paired=result.paired,
        difference=sign * difference,
        low=min(sign * result.low, sign * result.high),
        high=max(sign * result.low, sign * result.high),
        p=result.p,
        adjusted=adjusted,
        improvement=statistics.probability_of_improvement(a, b),
        verdict=statistics.UNTESTED if math.isnan(adjusted) else verdict,
        seeds_needed=None if unneeded else seeds_needed(a, b, test.matched, family),
    )
