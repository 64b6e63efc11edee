import pytest
from gaussians import normal
from pixels import evaluator, from_tensor, source

from gan_experiments.metrics.cmmd import CMMD
from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.functional import expected_gaussian_mmd, gaussian_mmd, margin_of_mean


def test_it_is_the_discrepancy_of_the_features():
    real, fake = FeatureSet(features=normal(80, 4)), FeatureSet(features=normal(60, 4, seed=1))
    expected = gaussian_mmd(real.features, fake.features, 3)
    assert CMMD(bandwidth=3).compare(real, fake, seed=0) == {"cmmd": expected.distance}
    _, margins = CMMD(bandwidth=3).compare_with_margins(real, fake, seed=0)
    assert margins == {"cmmd": margin_of_mean(expected.influence)}


def test_an_evaluation_gives_margin_baseline_and_direction():
    data = source()
    compared = evaluator(data, features={"cmmd": CMMD()})
    fake = source(seed=1).images
    fake[:, :, 0] //= 2  # the length of features does not count, their direction does
    estimate = compared.final(from_tensor(fake), 200)["cmmd"]
    features = data.images.flatten(1).float() + 0.1  # of the extractor of the tests
    baseline = expected_gaussian_mmd(features, 200)
    assert (estimate.real_baseline, estimate.real_baseline_spread) == pytest.approx(baseline, rel=1e-4)
    assert estimate.value > estimate.real_baseline + estimate.margin
    assert estimate.higher_is_better is False
    assert compared.selection == "cmmd"
    assert compared.provenance()["features"]["cmmd"]["bandwidth"] == 10
