import pytest
from pixels import evaluator, from_tensor, source

from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.functional import vendi_score
from gan_experiments.metrics.vendi import Vendi


def test_a_collapsed_set_is_below_the_real_baseline():
    data = source()
    compared = evaluator(data, features={"vendi": Vendi()})
    features = data.images.flatten(1).float() + 0.1
    found = compared.final(from_tensor(data.images), 500)["vendi"].value
    assert found == pytest.approx(vendi_score(features), rel=1e-6)
    new = compared.final(from_tensor(source(seed=1).images), 300)["vendi"]
    assert new.value == pytest.approx(new.real_baseline, abs=4 * new.real_baseline_spread)
    assert 0 < new.margin < 0.1
    assert new.higher_is_better
    same = data.images[:1].repeat(300, 1, 1, 1)
    assert compared.final(from_tensor(same), 300)["vendi"].value == pytest.approx(1)


def test_real_images_do_not_count():
    metric = Vendi()
    fake = FeatureSet(features=source(seed=1).images.flatten(1).float())
    assert metric.compare(FeatureSet(), fake, 0) == {"vendi": vendi_score(fake.features)}
