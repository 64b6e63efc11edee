import pytest
from gaussians import normal
from pixels import evaluator, from_tensor, source

from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.functional import expected_monge_inception_distance, monge_inception_distance
from gan_experiments.metrics.mind import MIND


def test_it_is_the_distance_of_the_features():
    real, fake = FeatureSet(features=normal(80, 4)), FeatureSet(features=normal(60, 4, seed=1))
    expected = monge_inception_distance(real.features, fake.features, 5, 30)
    assert MIND(directions=30).compare(real, fake, seed=5) == {"mind": expected}


def test_an_evaluation_gives_baseline_and_direction():
    data = source()
    compared = evaluator(data, features={"mind": MIND(directions=50)})
    estimate = compared.final(from_tensor(source(seed=1, bright=1.2).images), 200)["mind"]
    features = data.images.flatten(1).float() + 0.1  # of the extractor of the tests
    baseline = expected_monge_inception_distance(features, 200, 50)
    assert (estimate.real_baseline, estimate.real_baseline_spread) == pytest.approx(baseline, rel=1e-4)
    assert estimate.value > estimate.real_baseline + 4 * estimate.real_baseline_spread
    assert estimate.higher_is_better is False
    assert compared.provenance()["features"]["mind"]["directions"] == 50
