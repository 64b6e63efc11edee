import pytest
from gaussians import correlated

from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.functional import fit_gaussian, frechet_distance
from gan_experiments.metrics.moments import Moments


def moments_only(features):
    moments = Moments(features.shape[1])
    for part in features.split(7):
        moments.update(part)
    return FeatureSet(moments)


def test_it_is_the_frechet_distance_and_needs_the_moments_only():
    real, fake = correlated(80, 6), 1.2 * correlated(60, 6, seed=1)
    expected = frechet_distance(fit_gaussian(real), fit_gaussian(fake))
    assert FID().compare(moments_only(real), moments_only(fake), 0) == {"fid": pytest.approx(expected, rel=1e-9)}
