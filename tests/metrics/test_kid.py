import pytest
from gaussians import normal
from pixels import evaluator, from_tensor, source

from gan_experiments.config.check import check_config
from gan_experiments.config.compose import compose
from gan_experiments.config.schema import Config
from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.functional import kernel_distance
from gan_experiments.metrics.kid import KID
from gan_experiments.metrics.moments import Moments


def test_it_is_the_kernel_distance_of_the_features():
    real, fake = normal(150, 4), normal(120, 4, seed=1)
    values = KID(subsets=5, subset_size=100).compare(FeatureSet(Moments(4), real), FeatureSet(Moments(4), fake), seed=3)
    assert tuple(values.values()) == kernel_distance(real, fake, 3, 5, 100)
    assert tuple(values) == KID.values


def test_a_set_with_itself():
    data = source()
    values = evaluator(data, features={"kid": KID(subsets=5, subset_size=100)})(from_tensor(data.images), 500)
    assert abs(values["kid"]) < 3 * values["kid_spread"]


def test_options_are_in_the_provenance():
    measure = evaluator(features={"kid": KID(subsets=5, subset_size=20)})
    described = {"values": ["kid", "kid_spread"], "higher_is_better": {"kid": False, "kid_spread": False}}
    assert measure.provenance()["features"] == {"kid": described | {"subsets": 5, "subset_size": 20}}
    assert measure.selection == "kid"


@pytest.mark.parametrize(("size", "refused"), [(1, True), (2, False)])
def test_a_subset_of_one_image_has_no_pairs(size, refused):
    config = compose("train", ["metrics=[native,kid]", f"metrics.features.kid.subset_size={size}"])
    assert any("subset_size" in str(line) for line in check_config(config, Config).errors) == refused


def test_a_set_that_is_as_small_as_two_images_has_values():
    data = source(count=2)
    found = evaluator(data, features={"kid": KID(subsets=2, subset_size=2)}).final(from_tensor(data.images), 2)
    assert (found["kid"].real_baseline, found["kid"].real_baseline_spread) == (0, None)
