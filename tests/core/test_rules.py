import pytest
from config_view import config_view

from gan_experiments.core.rules import image_size, option
from gan_experiments.core.types import DataFacts


class Part:
    conditional = False

    def __init__(self, needed, width: int = 3, conditioning: str = "none"): ...


class Sized:
    known = DataFacts("sized", image_size=8, channels=1)


class Scaled(Sized):
    def __init__(self, image_size: int = 16): ...


def test_an_option_is_as_given_or_as_the_constructor_has_it():
    view = config_view({"part": {"_target_": Part, "width": 5}})
    assert option(view, "part", "width") == 5
    assert option(config_view({"part": {"_target_": Part}}), "part", "width") == 3
    for name in ("needed", "other"):
        assert option(view, "part", name) is None


def test_an_option_that_is_refused_or_of_no_component_is_none():
    view = config_view({"part": {"_target_": Part, "width": "wide"}, "text": "x", "null": None}, ["part.width"])
    assert option(view, "part", "width") is None
    for key in ("text", "null", "absent"):
        assert option(view, key, "width") is None


@pytest.mark.parametrize(
    ("dataset", "size"),
    [
        ({"_target_": Sized}, 8),
        ({"_target_": Scaled}, 16),
        ({"_target_": Scaled, "image_size": 4}, 4),
        ({"_target_": Part}, None),
        ({"image_size": 4}, 4),
    ],
)
def test_the_size_of_the_images_comes_from_option_default_or_class(dataset, size):
    assert image_size(config_view({"dataset": dataset})) == size
    assert image_size(config_view({})) is None


def test_a_refused_size_is_not_replaced_by_the_class():
    assert image_size(config_view({"dataset": {"_target_": Scaled, "image_size": -1}}, ["dataset.image_size"])) is None
