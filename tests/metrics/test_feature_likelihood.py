import pytest
import torch
from pixels import evaluator, from_tensor, source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.feature_likelihood import FLS


def test_copies_of_training_images_get_less_than_new_ones():
    data = source(count=300)
    data.trained = torch.arange(300) < 200
    compared = evaluator(data, features={"fls": FLS(images=80)})
    assert compared(from_tensor(source(seed=1).images), 100) == {}  # final evaluation only
    new = compared.final(from_tensor(source(seed=1).images), 100)["fls"]
    assert new.value == pytest.approx(100, abs=15)
    assert (new.real_baseline, new.higher_is_better) == (100, True)
    assert compared.final(from_tensor(data.images[:200]), 100)["fls"].value < new.value - 10
    assert compared.provenance()["features"]["fls"]["images"] == 80
    with pytest.raises(ConfigError, match="needs real images that are not trained on"):
        evaluator(features={"fls": FLS()}).prepare()


@pytest.mark.parametrize(("trained", "problem"), [(3, "3 images of .* trained on"), (299, "that are not trained on")])
def test_sets_that_are_too_small_are_refused_before_the_evaluation(trained, problem):
    data = source(count=300)
    data.trained = torch.arange(300) < trained
    with pytest.raises(ConfigError, match=problem):
        evaluator(data, features={"fls": FLS()}).prepare()
