import pytest
from config_view import problems

from gan_experiments.core.translator import Translator
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.datasets.digits import Digits


class OfSixteen(Translator):
    image_sizes = (16,)


def test_points_are_not_translated():
    with pytest.raises(ConfigError, match="x has points"):
        Translator(DataFacts("x", 1, 2, input_channels=2))


def test_a_size_that_does_not_fit_is_refused():
    config = {"dataset": {"_target_": Digits}, "model": {"generator": {"_target_": OfSixteen}}}
    assert problems(config, "model.generator") == ["model.generator: OfSixteen supports image sizes 16; Digits has 8"]


def test_facts_of_the_way_back_and_of_both_together():
    facts = DataFacts("x", 8, 3, num_classes=10, input_channels=1)
    assert (facts.reversed().channels, facts.reversed().input_channels) == (1, 3)
    assert facts.joint().channels == 4
    assert "input_channels" not in DataFacts("x", 8, 3).as_dict()
    assert DataFacts(**facts.as_dict()) == facts
