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


@pytest.mark.parametrize("count", [3, 5, 10])
def test_an_interval_of_very_skewed_values_covers_what_the_ranking_says(count):
    draw = np.random.default_rng(count)
    intervals = [statistics.mean_interval(draw.lognormal(0, 1, count)) for _ in range(STUDIES)]
    covered = sum(low <= math.exp(0.5) <= high for low, high in intervals) / STUDIES
    assert 0.82 - SLACK <= covered <= 0.9 + SLACK


@pytest.mark.parametrize("count", [10, 57, 401, 900])
@pytest.mark.parametrize("law", ["normal", "lognormal", "integers"])
def test_from_ten_values_on_it_is_scipys_bootstrap(count, law):
    """401 values and more are drawn in several parts."""
    draw = np.random.default_rng(count)
    values = {"normal": draw.normal(9, 1, count), "lognormal": draw.lognormal(0, 1, count)}.get(law)
    values = draw.integers(1, 4, count).astype(float) if values is None else values
    outside = stats.norm.cdf(-stats.t.ppf(0.975, count - 1) * math.sqrt(count / (count - 1)))
    expected = stats.bootstrap(
        (values,), np.mean, confidence_level=1 - 2 * outside, method="BCa", rng=np.random.default_rng(0), batch=1000
    ).confidence_interval
    assert statistics.mean_interval(values) == pytest.approx(tuple(expected), rel=1e-10)


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


def test_the_best_of_most_searches_lies_in_the_band():
    """The chances are counted over all draws."""
    values = [4.0, 1.0, 2.0, 3.0, math.inf]
    low, high = statistics.best_of_searches(values, level=0.6)
    for trials in (1, 2, 3, 4):
        drawn = sorted(min(draw) for draw in itertools.product([4.0, 1.0, 2.0, 3.0, 4.0], repeat=trials))
        for end, tail in ((low, 0.2), (high, 0.8)):
            assert end[trials - 1] == drawn[math.ceil(tail * len(drawn) - 1e-9) - 1]
    assert (low <= high).all()


def test_equal_values_have_no_spread():
    assert statistics.mean_interval([2.0] * 3) == (2.0, 2.0)
    assert statistics.mean_interval([2.0] * 12) == (2.0, 2.0)
    assert statistics.mean_interval([0.7] * 12) == (0.7, 0.7), "their mean is rounded to another number"
    assert all(map(math.isnan, statistics.mean_interval([2.0])))


def test_the_smallest_p_is_that_of_arms_far_apart():
    for first, second in ((2, 2), (4, 4), (3, 7)):
        assert statistics.smallest_p(first, second) == pytest.approx(2 / math.comb(first + second, first))
    assert statistics.smallest_p(5000, 5000) == 0.0, "thousands of seeds do not overflow"


def test_four_seeds_are_the_least_for_one_comparison():
    assert [statistics.least_seeds(family) for family in (1, 2, 6, 7, 15, 23)] == [4, 5, 5, 6, 6, 6]


def test_a_diverged_seed_is_worse_than_any_value():
    fine, broken = np.arange(5.0, 12.0), np.array([1.0] + [np.inf] * 6)
    assert statistics.probability_of_improvement(fine, broken) == pytest.approx(6 / 7)
    assert statistics.probability_of_improvement(broken, broken) == 0.5
