"""The test of two arms against closed forms, and what it promises, by simulation."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gan_experiments.comparison import difference
from gan_experiments.comparison.difference import compare_values, p_of_moments, p_values

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from verdict_errors import RATIOS, draw, false_verdicts

STUDIES = 2000
SLACK = 3 * math.sqrt(0.05 * 0.95 / STUDIES)  # three standard errors of a share of 5 %


@pytest.mark.parametrize("law", ["normal", "lognormal", "t2", "good runs, sigma 0.5"])
@pytest.mark.parametrize("counts", [(4, 10), (5, 10), (3, 20), (3, 5), (5, 5), (8, 8), (10, 20), (20, 20)])
def test_at_most_one_study_in_twenty_reports_a_difference_that_is_none(law, counts):
    rng = np.random.default_rng(sum(counts))
    for ratio in RATIOS:
        assert false_verdicts(rng, STUDIES, law, counts, ratio, 0.0) <= 0.05 + SLACK, ratio


@pytest.mark.slow
@pytest.mark.parametrize("law", ["normal", "lognormal", "t2"])
@pytest.mark.parametrize("counts", [(4, 10), (3, 20), (5, 5), (10, 20)])
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_nor_do_more_if_seeds_diverge(law, counts, share):
    rng = np.random.default_rng(sum(counts))
    for ratio in (0.1, 1.0, 5.0):
        assert false_verdicts(rng, 500, law, counts, ratio, share) <= 0.05 + 3 * math.sqrt(0.0475 / 500), ratio


VALUES = st.lists(st.integers(-20, 20).map(float), min_size=2, max_size=8)


@given(VALUES, VALUES)
def test_interval_and_test_agree(first, second):
    result = compare_values(first, second, matched=len(first) == len(second))
    if result.p <= 0.05:
        assert result.low > 0 or result.high < 0
        assert result.ahead == (result.high < 0)
    assert result.low - 1e-9 <= np.mean(first) - np.mean(second) <= result.high + 1e-9
    other = compare_values(second, first, matched=len(first) == len(second))
    assert (other.low, other.high) == pytest.approx((-result.high, -result.low))
    assert p_values(np.array(first), np.array(second), len(first) == len(second)) == pytest.approx(result.p)


@pytest.mark.parametrize("matched", [True, False])
@pytest.mark.parametrize("count", [3, 5, 12])
def test_an_interval_covers_the_difference(count, matched):
    rng = np.random.default_rng(count)
    covered = 0
    for _ in range(500):
        common = rng.normal(size=count) if matched else 0.0
        result = compare_values(common + rng.normal(3, 1, count), common + rng.normal(1, 1, count), matched)
        covered += result.low <= 2 <= result.high
    assert covered / 500 >= 0.95 - 3 * math.sqrt(0.0475 / 500)


def test_without_widening_it_is_welchs_test(monkeypatch):
    monkeypatch.setattr(difference, "_WIDENINGS", (0.0, 0.0))
    monkeypatch.setattr(difference, "_WIDENING_OF_PAIRS", 0.0)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=6), rng.normal(1, 3, 9)
    expected = stats.ttest_ind(a, b, equal_var=False)
    result = compare_values(a, b, matched=False)
    assert (result.p, result.low, result.high) == pytest.approx((expected.pvalue, *expected.confidence_interval(0.95)))
    moved = a + 0.2 + b[:6] / 40
    in_pairs = compare_values(a, moved, matched=True)
    assert in_pairs.paired
    assert in_pairs.p == pytest.approx(5 * stats.ttest_rel(a, moved).pvalue)


def test_seeds_that_go_together_regain_what_the_spread_of_seeds_hides():
    rng = np.random.default_rng(0)
    a, b, common = (draw(rng, "normal", 1.0, (STUDIES, 8)) for _ in range(3))
    together = p_values(10 * common + a + 7, 10 * common + b, matched=True) <= 0.05
    apart = p_values(10 * common + a + 7, 10 * common + b, matched=False) <= 0.05
    assert together.mean() > 0.9
    assert apart.mean() < 0.1


def test_a_long_tail_of_bad_runs_is_feared_more_than_one_of_good_runs():
    narrow, wide = np.array([-1.0, 0.0, 1.0, 0.0]), np.array([-9.0, 0.0, 9.0, 0.0])
    wide_ahead, narrow_ahead = compare_values(narrow + 9, wide, False), compare_values(narrow, wide + 9, False)
    assert wide_ahead.p > narrow_ahead.p
    for result, apart in ((wide_ahead, 9), (narrow_ahead, -9)):  # the wide arm may be worse than it looks
        assert result.high - apart < apart - result.low


def test_equal_values():
    assert compare_values([2.0] * 4, [2.0] * 4, matched=True).p == 1.0
    result = compare_values([2.0] * 4, [1.0] * 4, matched=True)
    assert (result.p, result.low, result.high) == (pytest.approx(2 / 70), 1.0, 1.0)


def test_a_diverged_seed_is_worse_than_any_value():
    fine, broken = np.arange(5.0, 12.0), np.array([1.0] + [np.inf] * 6)
    result = compare_values(fine, broken, matched=False)
    assert result.p <= 0.05
    assert result.ahead
    assert math.isnan(result.low)
    assert not compare_values(broken, fine, matched=True).ahead
    assert compare_values(np.full(6, np.inf), np.full(6, np.inf), matched=True).p == 1.0


def test_lower_values_do_not_make_up_for_diverged_seeds():
    better = np.array([1.0, 1.1, 1.2, 1.3, np.inf, np.inf])
    worse = np.array([9.0, 9.1, 9.2, 9.3, 9.4, 9.5])
    assert compare_values(better, worse, matched=True).p > 0.4
    assert compare_values(better[:4], np.append(worse, np.inf), matched=False).p <= 0.05


def found(seeds, apart, diverging):
    """Return the shares of 200 studies in which the first arm is better, and worse."""
    rng = np.random.default_rng(seeds)
    words = []
    for _ in range(200):
        arms = rng.normal(size=(2, seeds)) + np.array([[0.0], [apart]])
        arms[rng.random(arms.shape) < np.reshape(diverging, (2, 1))] = np.inf
        result = compare_values(*arms, matched=True)
        words.append((result.p <= 0.05) * (1 if result.ahead else -1))
    return words.count(1) / 200, words.count(-1) / 200


@pytest.mark.parametrize(
    ("seeds", "apart", "diverging", "least"),
    [(20, 2.0, (0.1, 0.1), 0.93), (40, 2.0, (0.1, 0.1), 0.97), (40, 0.0, (0.0, 0.3), 0.9), (40, 0.0, (0.05, 0.5), 0.9)],
)
def test_chance_on_one_side_does_not_hide_a_difference_on_the_other(seeds, apart, diverging, least):
    """Numbers of diverged seeds that hardly differ contradict the values in half of all studies, and vice versa."""
    better, worse = found(seeds, apart, diverging)
    assert better >= least
    assert worse == 0


def test_values_and_numbers_of_diverged_seeds_that_both_differ_say_nothing():
    better = np.append(np.linspace(0, 1, 12), [np.inf] * 6)
    assert compare_values(better, np.linspace(9, 10, 18), matched=True).p == 1.0
    assert compare_values(np.append(better[:17], 1.0), np.linspace(9, 10, 18), matched=True).p == 1.0  # Fisher: 0.045
    few = compare_values(np.append(better[:14], [0.5] * 4), np.linspace(9, 10, 18), matched=True)
    assert few.ahead
    assert few.p <= 0.05


def test_ranks_are_compared_by_brunner_and_munzels_test():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 12).astype(float), rng.integers(2, 12, 9).astype(float)
    expected = stats.brunnermunzel(a, b)
    ranks = difference._by_ranks(a, b)
    assert float(ranks.p_if_normal()) == pytest.approx(expected.pvalue)
    assert np.sign(ranks.difference) == -np.sign(expected.statistic)
    better = np.array([np.inf, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8])
    result = compare_values(better, np.linspace(5, 6, 10), matched=True)
    assert result.p == pytest.approx(float(difference._by_ranks(better, np.linspace(5, 6, 10)).p_if_normal()))


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_numbers_of_diverged_seeds_are_compared_by_fishers_exact_test(a, b, c, d):
    if a + b and c + d:
        assert difference._fisher((a, b), (c, d))[0] == pytest.approx(stats.fisher_exact([(a, b), (c, d)])[1])


@pytest.mark.parametrize("count", [2, 5, 30])
def test_moments_are_enough_for_p_values(count):
    rng = np.random.default_rng(count)
    a = rng.normal(size=(40, count))
    b = 0.9 * a + rng.normal(0.5, 0.6, (40, count))
    variances = a.var(-1, ddof=1), b.var(-1, ddof=1)
    p = p_of_moments(a.mean(-1) - b.mean(-1), variances, (a - b).var(-1, ddof=1), count)
    assert p == pytest.approx(p_values(a, b, matched=True))


def test_the_p_value_of_normal_values_is_that_of_plain_tests():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=6), rng.normal(1, 3, 6)
    plain = stats.ttest_ind(a, b, equal_var=False).pvalue, stats.ttest_rel(a, b).pvalue
    assert compare_values(a, b, matched=False).p_if_normal == pytest.approx(plain[0])
    matched = compare_values(a, b, matched=True)
    assert matched.p_if_normal == pytest.approx(min(plain[0] / 0.8, plain[1] / 0.2))
    assert matched.p_if_normal < matched.p


def test_what_is_forecast_of_diverged_seeds_is_less_coarse_and_lets_chance_not_contradict():
    """The mid p value of Fisher's test, or that of the finite values at half the level."""
    finite, few = [1.0, 2.0, 3.0, 4.0, 5.0], [0.5, 1.5, 2.5, math.inf, math.inf]
    table = stats.hypergeom(10, 2, 5)
    contradicted = compare_values(few, finite, matched=True)
    assert contradicted.p == pytest.approx(2 * stats.fisher_exact([[2, 3], [0, 5]])[1])
    assert contradicted.p_if_normal == pytest.approx(stats.fisher_exact([[2, 3], [0, 5]])[1] - table.pmf(2))
    shifted = [value + 20 for value in few]
    of_values = stats.ttest_ind(shifted[:3], finite, equal_var=False).pvalue
    assert compare_values(shifted, finite, matched=True).p_if_normal == pytest.approx(2 * of_values)
    lost = [math.inf] * 5
    assert compare_values(lost, lost, matched=True).p_if_normal == 1.0
    assert compare_values(finite, lost, matched=True).p_if_normal == pytest.approx(1 / 252)
