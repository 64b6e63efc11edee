"""Test and interval of the difference of two arms: Welch's t, widened for skewed values. Smaller is better.

Student's quantile with Welch's degrees of freedom holds its level for normal values whatever the spreads and numbers of
seeds, which a permutation of seeds does not (5 seeds of standard deviation 10 against 10 of 1: 20 % false verdicts
instead of 5 %). For values as skewed as lognormal ones it does not either (20 %): the mean of a few such values is
mostly too small, together with their spread, so the arm with the larger spread looks better than it is. So the quantile
is multiplied by ``1 + 6 s`` where that arm is ahead, and by ``1 + 2 s`` where it is behind, as it would be if the long
tail were on the side of the good runs. ``s`` is the skewness of the difference of the means, up to a factor, if both
arms are equally skewed: 0 for arms of equal size and spread. ``benchmarks/verdict_errors.py`` has the simulation;
tails of good runs as long as sigma 1 are not covered (up to 9 % instead of 5 %).
Interval and p value are two sides of one statistic.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from gan_experiments.comparison.statistics import ALPHA, smallest_p
from gan_experiments.runs.metrics_table import Floats

_WIDENINGS = 6.0, 2.0  # by simulation: hold the level for tails of bad runs (lognormal, sigma 1) and good ones (0.5)
_WIDENING_OF_BOTH = 5.0  # the least for long tails (sigma 1) on either side
_WIDENING_OF_PAIRS = 4.0  # the least for which those hold a level of 1 %
_PAIRED_SHARE = 0.2  # of the level, where seeds are matched


class Difference(NamedTuple):
    """Test of one arm against another.

    Attributes:
        p: The p value, not corrected for other comparisons.
        low: Lower end of the 95 % interval of the difference of means, which excludes 0 if ``p`` is at most 0.05; NaN
            if a seed has diverged: the mean is not defined.
        high: Its upper end.
        ahead: Whether the first arm is better.
        paired: Whether the seeds were compared in pairs.
        p_if_normal: The p value without what allows for skewed values and for few diverged seeds: a forecast, no test.
    """

    p: float
    low: float
    high: float
    ahead: bool
    paired: bool
    p_if_normal: float = math.nan


class _Statistic(NamedTuple):
    difference: Floats
    errors: tuple[Floats, Floats]  # standard error times the widening, towards a lower and a higher true difference
    freedom: Floats
    error: Floats  # not widened

    def p(self) -> Floats:
        return self._p(np.where(self.difference < 0, self.errors[1], self.errors[0]))

    def p_if_normal(self) -> Floats:
        return self._p(self.error)

    def _p(self, error: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = 2 * stdtr(self.freedom, -np.abs(self.difference) / error)  # as scipy.stats.t.sf has them
        return np.where(self.difference == 0, 1.0, np.where(error == 0, 0.0, values))

    def interval(self, level: float) -> tuple[float, float]:
        quantile = -stdtrit(self.freedom, level / 2)
        return float(self.difference - quantile * self.errors[0]), float(self.difference + quantile * self.errors[1])


def compare_values(first: ArrayLike, second: ArrayLike, matched: bool, level: float = ALPHA) -> Difference:
    """Test whether two arms differ.

    Seeds that are ``matched`` are tested both ways: as two samples at 80 % of the level, and in pairs at 20 %, which
    gains much where seeds help or hurt both arms alike and costs little otherwise (Bonferroni). The p value is at least
    the share of the arrangements of the seeds that separate the arms as well as possible.

    Diverged seeds, ``inf``, are infinitely bad. The finite values and the numbers of diverged seeds (Fisher's exact
    test) are tested at half the level each. If they contradict each other, neither decides if the other has a p value
    of 5 % or less, and values only if the ranks of all seeds differ as well (Brunner & Munzel 2000).

    Args:
        first: ``(n,)``, n at least 2.
        second: ``(m,)``, m at least 2.
        matched: Whether the arms have the same seeds, in this order.
        level: One minus the coverage of the interval.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    floor = smallest_p(len(a), len(b))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        p, ahead, forecast = _with_diverged(a, b)
        return Difference(max(p, floor), math.nan, math.nan, ahead, paired=False, p_if_normal=forecast)
    statistic, paired = _welch(a, b), False
    p, p_if_normal = float(statistic.p()), float(statistic.p_if_normal())
    if matched:
        in_pairs = _in_pairs(a, b)
        both = p / (1 - _PAIRED_SHARE), float(in_pairs.p()) / _PAIRED_SHARE
        p, paired = min(1.0, *both), both[1] < both[0]
        p_if_normal = min(1.0, float(_both_ways(np.array(p_if_normal), in_pairs.p_if_normal())))
        level *= _PAIRED_SHARE if paired else 1 - _PAIRED_SHARE
        statistic = in_pairs if paired else statistic
    ahead = bool(statistic.difference < 0)
    return Difference(max(p, floor), *statistic.interval(level), ahead, paired, p_if_normal)


def compare_with_mean(
    values: ArrayLike, mean: float, error: float | None, trials: int | None
) -> tuple[float, float, float]:
    """Return the mean of some values minus one that is known without its values, and the 95 % interval of that.

    Args:
        values: ``(n,)``, finite, n at least 2.
        mean: The other mean.
        error: Its standard error; ``None``: the other values are taken to be as spread as these.
        trials: How many others there are; ``None``: the mean is exact.
    """
    a = np.asarray(values, dtype=np.float64)
    n, m = len(a), math.inf if trials is None else trials
    own = a.var(ddof=1) / n
    errors, counts = ((own * (1 + n / m), 0.0), (n, math.inf)) if error is None else ((own, error**2), (n, m))
    statistic = _statistic(a.mean() - mean, errors, counts, (_WIDENING_OF_BOTH, _WIDENING_OF_BOTH))
    return float(statistic.difference), *statistic.interval(ALPHA)


def p_values(first: Floats, second: Floats, matched: bool) -> Floats:
    """Return the p values of many comparisons at once, see :func:`compare_values`: ``(...,)``.

    Args:
        first: ``(..., n)``, finite.
        second: ``(..., m)``, finite.
        matched: Whether the arms have the same seeds, in this order.
    """
    p = _welch(first, second).p()
    if matched:
        p = _both_ways(p, _in_pairs(first, second).p())
    return np.clip(p, smallest_p(first.shape[-1], second.shape[-1]), 1.0)


def p_of_moments(difference: Floats, variances: tuple[Floats, Floats], of_pairs: Floats, count: int) -> Floats:
    """Return the p values of many comparisons of matched seeds, as :func:`p_values` does: ``(...,)``.

    Args:
        difference: Differences of the means: ``(...,)``.
        variances: Of the values of each arm, each ``(...,)``.
        of_pairs: Variances of the differences within seeds: ``(...,)``.
        count: Seeds of each arm.
    """
    two = _of_two(difference, variances, (count, count))
    p = _both_ways(two.p(), _of_pairs(difference, np.sqrt(of_pairs), count).p())
    return np.clip(p, smallest_p(count, count), 1.0)


def _with_diverged(a: Floats, b: Floats) -> tuple[float, bool, float]:
    """Return the p value, whether the first is better, and the p value that is a forecast.

    Few seeds say little about how many diverge: their p values are coarse, and the values may contradict them by
    chance. Neither is so with more seeds, so the forecast allows for neither, nor for two tests where counts decide: a
    factor weighs more on the large p values of few seeds than on those that decide.
    """
    ends = [(int(np.isinf(values).sum()), int(np.isfinite(values).sum())) for values in (a, b)]
    diverging, (p, middle) = ends[0][0] / len(a) - ends[1][0] / len(b), _fisher(*ends)
    if min(ends[0][1], ends[1][1]) < 2:
        return p, diverging < 0, middle if diverging else 1.0
    statistic = _welch(a[np.isfinite(a)], b[np.isfinite(b)])
    of_values, difference = float(statistic.p()), float(statistic.difference)
    forecast = min(middle, 2 * float(statistic.p_if_normal()))
    by_counts, by_values = 2 * p, 2 * of_values
    if diverging * difference < 0:
        ranks = _by_ranks(a, b)
        is_better_on_the_whole = p > ALPHA and ranks.difference * difference > 0
        by_values = max(by_values, float(ranks.p_if_normal())) if is_better_on_the_whole else 1.0
        by_counts = by_counts if of_values > ALPHA else 1.0
    return min(1.0, by_counts, by_values), (diverging if by_counts < by_values else difference) < 0, forecast


def _by_ranks(a: Floats, b: Floats) -> _Statistic:
    """Compare by the probability that a seed of one arm is better than one of the other (Brunner & Munzel 2000)."""
    better = (a[:, None] < b) + (a[:, None] == b) / 2
    of_a, of_b = better.mean(1), better.mean(0)
    return _of_two(0.5 - better.mean(), (of_a.var(ddof=1), of_b.var(ddof=1)), (len(a), len(b)))


def _fisher(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """Return the p value of Fisher's exact test of two pairs of counts: of all tables that are no more likely.

    The second value counts half of those that are as likely (mid p, Lancaster 1961), for it is less coarse.
    """
    (a, b), (c, d) = first, second
    few, many, lost = a + b, c + d, a + c
    ways = [math.comb(few, n) * math.comb(many, lost - n) for n in range(max(0, lost - many), min(few, lost) + 1)]
    observed = math.comb(few, a) * math.comb(many, c)
    less, as_likely = (sum(each for each in ways if each < observed), sum(each for each in ways if each == observed))
    every = math.comb(few + many, lost)
    return (less + as_likely) / every, (less + as_likely / 2) / every


def _welch(a: Floats, b: Floats) -> _Statistic:
    """Compare samples along the last axis (Welch 1947)."""
    return _of_two(a.mean(-1) - b.mean(-1), (a.var(-1, ddof=1), b.var(-1, ddof=1)), (a.shape[-1], b.shape[-1]))


def _of_two(difference: Floats, variances: tuple[Floats, Floats], counts: tuple[int, int]) -> _Statistic:
    return _statistic(difference, (variances[0] / counts[0], variances[1] / counts[1]), counts, _WIDENINGS)


def _statistic(
    difference: Floats | float,
    errors: tuple[Floats | float, Floats | float],
    counts: tuple[float, float],
    widenings: tuple[float, float],
) -> _Statistic:
    """Compare means by the squares of their standard errors and the numbers of values; the second may be infinite.

    ``widenings`` are those where the arm of the larger spread is ahead, and where it is behind.
    """
    n, m = counts
    total = np.asarray(errors[0] + errors[1])
    weights = errors[0] ** 2 / (n - 1) + errors[1] ** 2 / (m - 1)
    positive = total > 0
    # The share of the first arm in the variance of the difference is uncertain: with equal spreads it is this.
    equal = m / (n + m) if math.isfinite(m) else 1.0
    share = np.where(positive, errors[0] / np.where(positive, total, 1.0), equal)
    skewness = np.stack([_skewness(share, n, m), np.broadcast_to(_skewness(equal, n, m), share.shape)])
    first, second = np.maximum(skewness.max(0), 0), np.maximum(-skewness.min(0), 0)  # if the first, the second is wider
    ahead, behind = widenings
    with np.errstate(divide="ignore"):  # an exact spread beside one of 0 has infinitely many degrees of freedom
        freedom = np.where(positive, total**2, 1.0) / np.where(positive, weights, 1.0)
    error = np.sqrt(total)
    below, above = error * (1 + behind * first + ahead * second), error * (1 + ahead * first + behind * second)
    return _Statistic(np.asarray(difference), (below, above), freedom, error)


def _in_pairs(a: Floats, b: Floats) -> _Statistic:
    """Compare pairs along the last axis."""
    return _of_pairs((a - b).mean(-1), (a - b).std(-1, ddof=1), a.shape[-1])


def _of_pairs(difference: Floats, spread: Floats, count: int) -> _Statistic:
    """Compare pairs by the mean and the standard deviation of their differences; how skewed those are is not known."""
    error = spread / math.sqrt(count)
    widened = error * (1 + _WIDENING_OF_PAIRS / math.sqrt(count))
    return _Statistic(difference, (widened, widened), np.full(error.shape, count - 1.0), error)


def _both_ways(p: Floats, in_pairs: Floats) -> Floats:
    return np.minimum(p / (1 - _PAIRED_SHARE), in_pairs / _PAIRED_SHARE)


def _skewness(share: Floats | float, n: float, m: float) -> Floats:
    """Return the skewness of a difference of means, over that of a value; ``share`` of its variance is the first's."""
    shares = np.asarray(share)
    skewness: Floats = shares**1.5 / math.sqrt(n) - (1 - shares) ** 1.5 / math.sqrt(m)
    return skewness
