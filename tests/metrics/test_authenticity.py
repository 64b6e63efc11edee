import pytest
import torch
from gaussians import normal
from pixels import evaluator, from_tensor, source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.authenticity import AuthPct
from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.functional import authenticity


def test_it_looks_at_the_images_that_were_trained_on():
    real, fake, trained = normal(80, 4), normal(60, 4, seed=1), torch.arange(80) % 2 == 0
    expected = 100 * authenticity(real[trained], fake).double().mean().item()
    sets = FeatureSet(features=real, trained=trained), FeatureSet(features=fake)
    assert AuthPct().compare(*sets, seed=0) == {"authpct": expected}
    everything = FeatureSet(features=real)
    assert AuthPct().compare(everything, sets[1], 0)["authpct"] == 100 * authenticity(real, fake).double().mean().item()


def test_copies_are_far_below_the_real_baseline():
    data = source()
    compared = evaluator(data, features={"authpct": AuthPct()})
    copies = compared.final(from_tensor(data.images), 200)["authpct"]
    assert copies.value == 0
    assert 30 < copies.real_baseline < 80
    new = compared.final(from_tensor(source(seed=1).images), 200)["authpct"]
    assert new.value == pytest.approx(new.real_baseline, abs=3 * new.real_baseline_spread)
    assert new.margin > 0
    assert new.higher_is_better


def test_too_few_training_images_are_refused_before_the_evaluation():
    data = source(count=20)
    data.trained = torch.arange(20) < 2
    with pytest.raises(ConfigError, match=r"2 images of .* are trained on are too few for authpct, which needs 3"):
        evaluator(data, features={"authpct": AuthPct()}).prepare()
