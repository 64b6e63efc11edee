import pytest
import torch
from pixels import evaluator, from_tensor, source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.memorization import Memorization


def test_copies_of_training_images_are_detected():
    data = source(count=1000)
    with pytest.raises(ConfigError, match="not trained on: leave some out"):
        evaluator(data, features={"memorization": Memorization()}).prepare()
    data.trained = torch.arange(1000) < 500
    measure = evaluator(data, features={"memorization": Memorization()})
    copied = measure(from_tensor(data.images[:500]), 500)
    new = measure(from_tensor(source(seed=7).images), 500)
    assert copied["memorization"] > 0.95
    assert copied["memorization_z"] < -3
    assert new["memorization"] == pytest.approx(0.5, abs=0.06)
    baselines = [each.real_baseline for each in measure.final(from_tensor(data.images), 100).values()]
    assert baselines == [0.5, 0.0]
