"""The estimate of the seeds needed against studies with that many."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from gan_experiments.comparison.difference import p_values
from gan_experiments.comparison.seeds_needed import seeds_needed

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from verdict_errors import draw

STUDIES = 2000


def population(seed, count, mean):
    """Return values of exactly this mean and a standard deviation of 1."""
    return stats.zscore(np.random.default_rng(seed).normal(size=count), ddof=1) + mean


@pytest.mark.parametrize(("effect", "family"), [(1.0, 1), (1.0, 5), (2.0, 15), (3.0, 5)])
def test_the_seeds_that_are_said_to_settle_it_do(effect, family):
    count = seeds_needed(population(0, 40, 0.0), population(1, 39, effect), matched=False, family=family)
    rng = np.random.default_rng(7)
    a, b = draw(rng, "normal", 1.0, (STUDIES, count)), draw(rng, "normal", 1.0, (STUDIES, count)) + effect
    assert 0.75 <= (p_values(a, b, matched=True) * family <= 0.05).mean() <= 0.9


def in_pairs(seed, count, mean, correlation):
    """Return two arms of exactly this difference of means, a standard deviation of 1, and this correlation."""
    x, y = population(seed, count, 0.0), population(seed + 1, count, 0.0)
    y = stats.zscore(y - (x @ y) / (x @ x) * x, ddof=1)
    return x, mean + correlation * x + math.sqrt(1 - correlation**2) * y


@pytest.mark.parametrize("correlation", [0.95, -0.5])
def test_so_do_those_of_matched_seeds(correlation):
    count = seeds_needed(*in_pairs(0, 30, 0.5, correlation), matched=True, family=3)
    rng = np.random.default_rng(7)
    a = rng.normal(size=(STUDIES, count))
    b = 0.5 + correlation * a + math.sqrt(1 - correlation**2) * rng.normal(size=a.shape)
    assert 0.75 <= (p_values(a, b, matched=True) * 3 <= 0.05).mean() <= 0.9


def test_what_helps_or_hurts_both_arms_alike_saves_seeds():
    together, apart = (seeds_needed(*in_pairs(0, 30, 0.5, each), matched=True, family=1) for each in (0.95, 0.0))
    assert together < apart / 3


def test_seeds_are_not_named_where_nothing_is_known():
    a = population(0, 40, 0.0)
    assert seeds_needed(a, a, matched=True, family=1) is None
    assert seeds_needed(a, a[::-1] + 1e-6, matched=True, family=1) == math.inf
    assert seeds_needed([1.0, np.inf], [2.0, 3.0], matched=True, family=1) is None
