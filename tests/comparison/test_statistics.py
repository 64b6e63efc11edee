"""The statistics against closed forms, other implementations, and what they promise, by simulation."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gan_experiments.comparison import statistics

STUDIES = 250


# Three standard errors of a share of 5 % over so many studies.
SLACK = 3 * math.sqrt(0.05 * 0.95 / STUDIES)


def population(seed, count, mean):
    """Return values of exactly this mean and a standard deviation of 1."""
    return stats.zscore(np.random.default_rng(seed).normal(size=count), ddof=1) + mean


@pytest.mark.parametrize("count", [2, 3, 5, 10, 20])
@pytest.mark.parametrize(("name", "least"), [("normal", 0.95), ("skewed", 0.9)])
def test_an_interval_covers_the_mean(count, name, least):
    draw = np.random.default_rng(count)
    mean = {"normal": 10.0, "skewed": math.exp(0.125)}[name]
    covered = 0
    for _ in range(STUDIES):
        values = draw.normal(10, 1, count) if name == "normal" else draw.lognormal(0, 0.5, count)
        low, high = statistics.mean_interval(values)
        covered += low <= mean <= high
    assert covered / STUDIES >= least - SLACK
    assert name == "skewed" or covered / STUDIES <= 0.95 + SLACK or count == 2


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("count", [2, 5, 12])
def test_an_interval_covers_the_difference(count, paired):
    draw = np.random.default_rng(count)
    covered = 0
    for _ in range(STUDIES):
        common = draw.normal(size=count) if paired else 0.0
        a, b = common + draw.normal(3, 1, count), common + draw.normal(1, 1, count)
        low, high = statistics.difference_interval(a, b, paired)
        covered += low <= 2 <= high
    assert covered / STUDIES >= 0.95 - SLACK


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_of_a_difference_is_that_of_scipy(paired):
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=6), draw.normal(1, 3, 6)
    expected = (stats.ttest_rel(a, b) if paired else stats.ttest_ind(a, b, equal_var=False)).confidence_interval(0.95)
    assert statistics.difference_interval(a, b, paired) == pytest.approx(tuple(expected))


@pytest.mark.parametrize(("effect", "family"), [(1.0, 1), (1.0, 5), (2.0, 15), (3.0, 5), (3.0, 15)])
def test_the_seeds_that_are_said_to_settle_it_do(effect, family):
    """With the seeds that are needed to detect an effect in 80 % of studies, it is detected in about 80 %."""
    a, b = population(0, 4000, 0.0), population(1, 3999, effect)
    count = statistics.seeds_needed(a, b, family)
    draw = np.random.default_rng(7)
    significant = 0
    for _ in range(STUDIES):
        a, b = draw.normal(0, 1, count), draw.normal(effect, 1, count)
        paired = statistics.testable_in_pairs(count, count, count, family)
        significant += statistics.p_value(a, b, bool(paired)) * family <= statistics.ALPHA
    assert significant / STUDIES >= 0.8 - 2.5 * math.sqrt(0.16 / STUDIES)
    assert significant / STUDIES <= 0.95, "nor are many more asked for"


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=6), st.integers(0, 99))
def test_the_test_of_pairs_is_that_of_all_signs(differences, shift):
    a = np.array(differences, dtype=float) + shift
    means = [abs(np.mean(a * signs)) for signs in itertools.product([-1, 1], repeat=len(a))]
    expected = np.mean(np.array(means) >= abs(a.mean()) - 1e-9)
    assert statistics.p_value(a, np.zeros_like(a), paired=True) == pytest.approx(expected)


def test_the_test_of_arms_is_that_of_all_splits():
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=4), draw.normal(1, 1, 5)
    whole = np.concatenate([a, b])
    gaps = [
        np.mean(whole[list(chosen)]) - np.mean(np.delete(whole, list(chosen)))
        for chosen in itertools.combinations(range(9), 4)
    ]
    observed = a.mean() - b.mean()
    sides = [np.mean(np.array(gaps) <= observed + 1e-12), np.mean(np.array(gaps) >= observed - 1e-12)]
    assert statistics.p_value(a, b, paired=False) == pytest.approx(min(1, 2 * min(sides)))


@pytest.mark.parametrize("count", [2, 4, 6])
@pytest.mark.parametrize("paired", [True, False])
def test_the_smallest_p_is_that_of_arms_far_apart(count, paired):
    a, b = np.arange(count, dtype=float), 1000.0 + 10 * np.arange(count)
    assert statistics.p_value(a, b, paired) == pytest.approx(statistics.smallest_p(count, count, paired))


def test_six_pairs_or_four_seeds_are_the_least_for_one_comparison():
    assert statistics.least_seeds(1) == 4
    assert statistics.testable_in_pairs(5, 5, 5, 1) is False
    assert statistics.testable_in_pairs(6, 6, 6, 1) is True
    assert statistics.testable_in_pairs(6, 6, 7, 1) is False, "a seed that one arm lacks is not thrown away"
    assert statistics.testable_in_pairs(3, 3, 3, 1) is None
    assert statistics.least_seeds(15) == 6


def test_thousands_of_seeds_do_not_overflow():
    assert statistics.smallest_p(5000, 5000, paired=True) == 0.0
    assert statistics.smallest_p(5000, 5000, paired=False) == 0.0


def test_a_diverged_seed_is_worse_than_any_figure():
    fine, broken = np.arange(5.0, 12.0), np.array([1.0] + [np.inf] * 6)
    assert statistics.p_value(fine, broken, paired=False) <= 0.05
    assert statistics.probability_of_improvement(fine, broken) == pytest.approx(6 / 7)
    assert statistics.probability_of_improvement(broken, broken) == 0.5
    assert statistics.p_value(np.full(6, np.inf), np.full(6, np.inf), paired=True) == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_what_it_is_step_by_step(values):
    adjusted = statistics.holm(values, len(values))
    order = sorted(range(len(values)), key=values.__getitem__)
    for alpha in (0.01, 0.05, 0.2, 0.7):
        rejected = set()
        for rank, index in enumerate(order):
            if values[index] * (len(values) - rank) > alpha:
                break
            rejected.add(index)
        assert {index for index, value in enumerate(adjusted) if value <= alpha} == rejected


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.randoms())
def test_holm_of_some_never_says_less_than_holm_of_all(values, chance: random.Random):
    all_ = statistics.holm(values, len(values))
    some = sorted(chance.sample(range(len(values)), chance.randint(1, len(values))))
    for index, adjusted in zip(some, statistics.holm([values[i] for i in some], len(values)), strict=True):
        assert adjusted >= all_[index] - 1e-12


def test_the_expected_best_is_the_mean_over_draws():
    values = np.array([4.0, 1.0, 2.0, np.inf])
    best = statistics.expected_best(values)
    finite = np.array([4.0, 1.0, 2.0, 4.0])
    for trials in (1, 2, 3):
        draws = itertools.product(finite, repeat=trials)
        assert best[trials - 1] == pytest.approx(np.mean([min(draw) for draw in draws]))
    assert (np.diff(best) <= 0).all()


def test_power_is_that_of_the_t_test():
    """G*Power: two groups, d = 1, two-sided 5 %, power 80 %: 17 each; paired, d_z = 1: 10."""
    a, b = population(0, 5000, 0.0), population(1, 4999, 1.0)
    # From six seeds on one compares in pairs; of unrelated seeds that costs a seed or so.
    assert statistics.seeds_needed(a, b, 1) in (17, 18, 19)
    assert statistics.seeds_needed(a, np.zeros(5000) + 1, 1) == 10
    assert statistics.seeds_needed(a, a, 1) is None
    assert statistics.seeds_needed(a, a[::-1] + 1e-6, 1) is None


def test_equal_values_have_no_spread():
    assert statistics.mean_interval([2.0] * 3) == (2.0, 2.0)
    assert statistics.mean_interval([2.0] * 12) == (2.0, 2.0)
    assert statistics.difference_interval([2.0] * 3, [1.0] * 3, paired=True) == (1.0, 1.0)
    assert all(map(math.isnan, statistics.mean_interval([2.0])))
