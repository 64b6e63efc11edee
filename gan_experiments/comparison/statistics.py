"""Intervals, tests and sample sizes for a few seeds, with scipy.stats. Smaller is better; a diverged seed is ``inf``.

Choice of the interval: with 3 or 5 seeds the percentile and the BCa bootstrap cover the mean of normal values in 73 and
85 % of studies instead of 95 %; Student's t covers it in 95 %. From ten seeds on, the BCa bootstrap with its level
corrected for small samples (Hesterberg 2015, "What teachers should know about the bootstrap") covers as well as t and,
for skewed values, better. ``tests/comparison/test_statistics.py`` repeats the simulation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.special import betaln

from gan_experiments.runs.metrics_table import Floats

LEVEL = 0.95  # coverage of intervals
ALPHA = 0.05  # significance level, over the whole family of comparisons
POWER = 0.8  # at the number of seeds needed
POWER_OF_SEPARATION = 0.96  # power of the t test at which the arms do not overlap in 80 % of studies
FEW = 10  # values; with fewer the bootstrap under-covers
MOST_SEEDS = 1000  # larger numbers of seeds needed are not computed
BETTER, WORSE, CLOSE, FEW_SEEDS, UNTESTED = "better", "worse", "too close to call", "too few seeds", "not tested"
_RESAMPLES = 9999  # all permutations, if there are no more than these


def mean_interval(values: ArrayLike) -> tuple[float, float]:
    """Return the 95 % interval of the mean: NaN for a single value; clipped at 0 if no value is negative.

    Args:
        values: ``(n,)``, finite.
    """
    sample = np.asarray(values, dtype=np.float64)
    count = len(sample)
    if count < 2:
        return math.nan, math.nan
    mean, spread = float(sample.mean()), float(sample.std(ddof=1))
    quantile = stats.t.ppf((1 + LEVEL) / 2, count - 1)
    low, high = mean - quantile * spread / math.sqrt(count), mean + quantile * spread / math.sqrt(count)
    if count >= FEW and spread > 0:
        outside = stats.norm.cdf(-quantile * math.sqrt(count / (count - 1)))
        interval = stats.bootstrap(
            (sample,),
            np.mean,
            confidence_level=1 - 2 * outside,
            n_resamples=_RESAMPLES,
            batch=_batch(count),
            method="BCa",
            random_state=np.random.default_rng(0),
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    return (max(low, 0.0), high) if sample.min() >= 0 else (low, high)


def difference_interval(first: ArrayLike, second: ArrayLike, paired: bool) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two means: Student's t if paired, otherwise Welch's.

    The difference of two skewed samples is less skewed than they are, so the t interval is used at any sample size.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(len(a), len(b)) < 2:
        return math.nan, math.nan
    if paired:
        error, freedom = (a - b).std(ddof=1) / math.sqrt(len(a)), len(a) - 1.0
    else:
        errors = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
        error = math.sqrt(sum(errors))
        # Welch 1947; without any spread the interval is a point, whatever the quantile.
        weights = errors[0] ** 2 / (len(a) - 1) + errors[1] ** 2 / (len(b) - 1)
        freedom = error**4 / weights if weights > 0 else 1.0
    difference, half = float(a.mean() - b.mean()), float(stats.t.ppf((1 + LEVEL) / 2, freedom) * error)
    return difference - half, difference + half


def scores(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    """Return what a test compares: the values, or if a seed has diverged their ranks over both arms."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if np.isfinite(a).all() and np.isfinite(b).all():
        return a, b
    ranks = stats.rankdata(np.concatenate([a, b], axis=-1), axis=-1)
    return ranks[..., : a.shape[-1]], ranks[..., a.shape[-1] :]


def p_value(first: ArrayLike, second: ArrayLike, paired: bool) -> float:
    """Return the two-sided p value of the permutation test of a difference of means, exact for few seeds.

    Args:
        first: ``(n,)``.
        second: ``(m,)``, in the same order of seeds if ``paired``.
        paired: Whether the signs of the differences are flipped; otherwise seeds are shuffled between the arms.
    """
    a, b = scores(first, second)
    if np.ptp(np.concatenate([a, b])) == 0 or (paired and not (a - b).any()):
        return 1.0
    data = (a - b,) if paired else (a, b)
    test = stats.permutation_test(
        data,
        _mean if paired else _difference_of_means,
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=_batch(sum(len(sample) for sample in data)),
        random_state=np.random.default_rng(0),
    )
    return float(test.pvalue)


def smallest_p(first: int, second: int, paired: bool) -> float:
    """Return the smallest p value that the test can give with these numbers of seeds, however large the difference."""
    ways = first * math.log(2) if paired else -math.log(first + second + 1) - betaln(first + 1, second + 1)
    return min(1.0, 2.0 * math.exp(-ways))


def testable_in_pairs(pairs: int, first: int, second: int, family: int) -> bool | None:
    """Return whether to test in pairs, from the numbers of seeds alone and not from their values.

    Arms are compared in pairs if both have all seeds and flipping signs can reach the level that the family of
    comparisons leaves. Otherwise seeds are shuffled between the arms, which needs fewer of them and is conservative if
    the scores of a seed in both arms are positively correlated. ``None``: neither test can reach the level.
    """
    if pairs == first == second and smallest_p(pairs, pairs, paired=True) * family <= ALPHA:
        return True
    return False if smallest_p(first, second, paired=False) * family <= ALPHA else None


def holm(values: Sequence[float], family: int) -> list[float]:
    """Adjust p values for the number of comparisons (Holm 1979).

    Args:
        values: The p values.
        family: How many comparisons there are, including those not in ``values``; counting those is conservative.
    """
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        highest = max(highest, min(1.0, (family - rank) * values[index]))
        adjusted[index] = highest
    return adjusted


def probability_of_improvement(first: ArrayLike, second: ArrayLike) -> float:
    """Return P(a seed of the first arm is better than one of the second); ties count half (Agarwal et al. 2021)."""
    a, b = np.asarray(first, dtype=np.float64)[:, None], np.asarray(second, dtype=np.float64)[None, :]
    return float(np.mean((a < b) + 0.5 * (a == b)))


def least_seeds(family: int) -> int:
    """Return the smallest number of seeds per arm with which a test can be significant."""
    return next(n for n in range(2, MOST_SEEDS) if testable_in_pairs(n, n, n, family) is not None)


def seeds_needed(first: ArrayLike, second: ArrayLike, family: int) -> int | None:
    """Return the seeds per arm with which a difference as large as this one is significant in 80 % of studies.

    Computed from the power of the t test at the Bonferroni level; the power of the permutation test is nearly the same
    as soon as there are enough seeds for it to reach the level at all.

    Args:
        first: Values of the first arm, in the order of seeds of the second if both have the same number.
        second: Values of the second arm.
        family: How many comparisons there are.

    Returns:
        ``None`` if 1000 are not enough, or if too little is known about the spread.
    """
    a, b = scores(first, second)
    if min(len(a), len(b)) < 2:
        return None
    difference = abs(float(a.mean() - b.mean()))
    unpaired = math.sqrt(a.var(ddof=1) + b.var(ddof=1))
    in_pairs = float((a - b).std(ddof=1)) if len(a) == len(b) else unpaired
    if difference == 0:
        return None
    counts = np.arange(2, MOST_SEEDS + 1)
    designs = [testable_in_pairs(n, n, n, family) for n in range(2, MOST_SEEDS + 1)]
    paired = np.array([design is True for design in designs])
    with np.errstate(divide="ignore"):
        effects = difference / np.where(paired, in_pairs, unpaired)
    freedom = np.where(paired, counts - 1, 2 * counts - 2)
    critical = stats.t.ppf(1 - ALPHA / family / 2, freedom)
    # Clipped because the noncentral t is not computed reliably for very large, or infinite, effects.
    power = stats.nct.sf(critical, freedom, np.minimum(effects * np.sqrt(counts), 30.0))
    # If only arms that do not overlap at all can reach the level, the t test is too optimistic.
    steps = np.array([smallest_p(n, n, design is True) for n, design in enumerate(designs, 2)])
    wanted = np.where(2 * steps * family > ALPHA, POWER_OF_SEPARATION, POWER)
    enough = (power >= wanted) & np.array([design is not None for design in designs])
    return int(counts[enough.argmax()]) if enough.any() else None


def expected_best(values: ArrayLike) -> Floats:
    """Return the expected best of 1, 2, ..., n trials drawn with replacement (Dodge et al. 2019, eq. 5-8).

    Args:
        values: ``(n,)``; a diverged trial counts as the worst that did not, since the mean would be infinite otherwise.

    Returns:
        ``(n,)``.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    worst = ordered[np.isfinite(ordered)].max()
    ordered = np.where(np.isfinite(ordered), ordered, worst)
    count = len(ordered)
    trials = np.arange(1, count + 1)[:, None]
    # P(the best of k trials is no better than the i-th) = P(all k are the i-th or worse).
    beyond = ((count - np.arange(count + 1)) / count) ** trials
    expected: Floats = (beyond[:, :-1] - beyond[:, 1:]) @ ordered
    return expected


def _mean(sample: Floats, axis: int) -> Any:
    return np.mean(sample, axis=axis)


def _difference_of_means(first: Floats, second: Floats, axis: int) -> Any:
    return np.mean(first, axis=axis) - np.mean(second, axis=axis)


def _batch(count: int) -> int:
    """Return how many resamples of ``count`` values take about 32 MB."""
    return max(1, 4_000_000 // count)
