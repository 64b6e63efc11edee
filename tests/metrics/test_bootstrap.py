import statistics

import pytest
import torch
from gaussians import normal
from scipy.stats import bootstrap

from gan_experiments.metrics.bootstrap import frechet_interval, inception_score_interval, mean_interval
from gan_experiments.metrics.class_divergence import inception_score
from gan_experiments.metrics.frechet import frechet_distance
from gan_experiments.metrics.moments import Gaussian, Moments

STANDARD = Gaussian(2, torch.zeros(4).double(), torch.eye(4).double())


def test_of_a_mean_it_is_scipys():
    values = (normal(300, 1)[:, 0] > 1).double()
    low, high = mean_interval(values, 0, resamples=4000)
    theirs = bootstrap((values.numpy(),), lambda v, axis: v.mean(axis), n_resamples=4000, method="percentile")
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.01)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_it_covers_the_mean_as_often_as_it_says(level):
    covered = 0
    for seed in range(200):
        low, high = mean_interval(normal(60, 1, seed)[:, 0], seed, level, resamples=300)
        covered += low < 0 < high
    assert covered / 200 == pytest.approx(level, abs=0.1)


def spread(values):
    low, high = torch.quantile(torch.tensor(values), torch.tensor([0.025, 0.975])).tolist()
    return high - low


def test_of_the_inception_score_it_is_as_wide_as_the_score_varies():
    logits = 2 * normal(500, 5)
    low, high = inception_score_interval(logits, 0)
    assert low < inception_score(logits, splits=1)[0] < high
    varied = spread([inception_score(2 * normal(500, 5, seed), splits=1)[0] for seed in range(200)])
    assert high - low == pytest.approx(varied, rel=0.25)


def test_of_the_distance_it_is_as_wide_as_the_distance_varies_and_about_it():
    def distance(seed):
        moments = Moments(4)
        moments.update(normal(400, 4, seed) + 0.3)
        return frechet_distance(STANDARD, moments.gaussian())

    varied = [distance(seed) for seed in range(200)]
    found = [frechet_interval(STANDARD, normal(400, 4, seed) + 0.3, seed) for seed in range(20)]
    assert statistics.mean(high - low for low, high in found) == pytest.approx(spread(varied), rel=0.25)
    assert sum(low < statistics.mean(varied) < high for low, high in found) >= 16


def test_of_the_distance_it_is_not_biased_twice():
    """Few samples are far from the distribution they come from, and as far again from their resamples."""
    for seed in range(10):
        features, moments = normal(25, 4, seed), Moments(4)
        moments.update(features)
        low, high = frechet_interval(STANDARD, features, seed)
        assert low < frechet_distance(STANDARD, moments.gaussian()) < high


def test_it_follows_the_seed_alone():
    values = normal(50, 1)[:, 0]
    assert mean_interval(values, 1) == mean_interval(values, 1) != mean_interval(values, 2)


def test_pieces_do_not_matter(monkeypatch):
    """Only the numbers drawn differ."""
    values = normal(50, 1)[:, 0]
    expected = mean_interval(values, 1)
    monkeypatch.setattr("gan_experiments.metrics.bootstrap._AT_A_TIME", 120)
    assert mean_interval(values, 1) == pytest.approx(expected, abs=0.05)


def test_one_sample_is_refused():
    with pytest.raises(ValueError, match="at least 2 samples, not 1"):
        mean_interval(torch.ones(1), 0)
