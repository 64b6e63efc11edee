import pytest
import torch
from gaussians import correlated, normal

from gan_experiments.metrics.functional.gaussian import fit_gaussian, gaussian_from_sums


@pytest.mark.parametrize("count", [2, 5, 6, 300])
def test_mean_and_covariance_are_those_of_torch(count):
    features = correlated(count, 5)
    gaussian = fit_gaussian(features)
    covariance = gaussian.covariance if gaussian.factor is None else gaussian.factor.T @ gaussian.factor
    assert (gaussian.factor is None) == (count > 5)
    torch.testing.assert_close(gaussian.mean, features.mean(0))
    torch.testing.assert_close(covariance, torch.cov(features.T))
    torch.testing.assert_close(gaussian.trace(), torch.cov(features.T).trace())


def test_sums_may_be_relative_to_any_point():
    features = normal(50, 4)
    for shift in (torch.zeros(4).double(), features[3]):
        shifted = features - shift
        gaussian = gaussian_from_sums(50, shift, shifted.sum(0), shifted.T @ shifted)
        torch.testing.assert_close(gaussian.mean, features.mean(0))
        torch.testing.assert_close(gaussian.covariance, torch.cov(features.T))


@pytest.mark.parametrize("count", [4, 40])
def test_features_that_are_not_finite_are_refused(count):
    with pytest.raises(ValueError, match="not finite"):
        fit_gaussian(normal(count, 5).index_fill(1, torch.tensor([2]), float("inf")))
    with pytest.raises(ValueError, match="at least 2 samples, not 1"):
        fit_gaussian(normal(1, 5))
