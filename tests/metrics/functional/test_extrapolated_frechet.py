import statistics

import pytest
import torch
from gaussians import correlated, normal

from gan_experiments.metrics.functional.extrapolated_frechet import extrapolated_frechet_distance, intercept_at_infinity
from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.functional.gaussian import Gaussian, fit_gaussian

FEATURES = 16


def standard(mean=0.0):
    return Gaussian(2, torch.full((FEATURES,), mean).double(), torch.eye(FEATURES).double())


def measured(features):
    return frechet_distance(standard(), fit_gaussian(features))


def test_a_line_meets_infinity_at_its_intercept():
    counts = [100, 300, 700]
    assert intercept_at_infinity(counts, [5 + 40 / count for count in counts]) == pytest.approx(5)


@pytest.mark.parametrize("shift", [0, 0.5])
def test_it_is_unbiased_where_the_distance_is_not(shift):
    """Samples of a normal distribution, whose distance is known: the squared shift of each feature."""
    truth = FEATURES * shift**2
    biased, extrapolated = [], []
    for seed in range(60):
        features = normal(640, FEATURES, seed) + shift
        biased.append(measured(features) - truth)
        extrapolated.append(extrapolated_frechet_distance(standard(), features, seed) - truth)
    bias = statistics.mean(biased)
    assert bias > 0.1
    # What remains is what falls with the square of the number.
    assert abs(statistics.mean(extrapolated)) < 3 * statistics.stdev(extrapolated) / 60**0.5 + 0.15 * bias


def test_it_follows_the_seed_alone():
    features = correlated(640, FEATURES)
    torch.manual_seed(0)
    found = extrapolated_frechet_distance(standard(), features, 1)
    torch.manual_seed(1)
    assert extrapolated_frechet_distance(standard(), features, 1) == found
    assert extrapolated_frechet_distance(standard(), features, 2) != found


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="needs 64 generated samples, four times the features, not 63"):
        extrapolated_frechet_distance(standard(), normal(63, FEATURES), 0)
