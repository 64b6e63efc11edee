import pytest
from config_view import config_view

from gan_experiments.config.check import check_config
from gan_experiments.config.compose import compose
from gan_experiments.config.schema import Config
from gan_experiments.core.network_rules import LARGE_MODELS, LARGE_SIZES, conditioning_option, refuse_size
from gan_experiments.core.types import ConfigError, DataFacts


class Part:
    def __init__(self, conditioning: str = "none"): ...


@pytest.mark.parametrize(
    ("options", "conditional"),
    [({}, False), ({"conditioning": "projection"}, True), ({"conditioning": "none"}, False)],
)
def test_conditioning_is_read_from_the_option(options, conditional):
    view = config_view({"model": {"generator": {"_target_": Part} | options}})
    assert conditioning_option(view, "model.generator") == ("model.generator.conditioning", conditional)
    assert conditioning_option(view, "model.discriminator") == ("model.discriminator", None)


@pytest.mark.parametrize("model", LARGE_MODELS)
def test_the_models_that_are_advised_for_large_images_fit_them(model):
    data = ["dataset=image_folder", "dataset.root=x"]
    refused = check_config(compose("train", [*data, "dataset.image_size=256"]), Config).problems
    assert all(text in str(refused) for text in LARGE_MODELS)
    for size in LARGE_SIZES:
        assert not check_config(compose("train", [*data, f"dataset.image_size={size}", model]), Config).errors


class Fixed:
    image_sizes, side_multiple = (8, 16), 4


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (9, "Fixed supports image sizes 8, 16; images has 9"),
        (1, "Fixed supports image sizes 8, 16; images has 1; for points take model=mlp metrics=known_distribution"),
        (
            (8, 9),
            "Fixed takes rectangles whose longer side is a multiple of 4",
        ),
    ],
)
def test_a_network_refuses_other_sizes_than_its_own(size, text):
    with pytest.raises(ConfigError) as refusal:
        refuse_size(Fixed, DataFacts("images", size, 3))
    assert str(refusal.value).startswith(f"model: {text}")
    for fits in (8, 16, (8, 12)):
        refuse_size(Fixed, DataFacts("images", fits, 3))
