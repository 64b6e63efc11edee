"""What holds for every network and rectangular images: those that take them, and those that refuse them."""

import math

import pytest
import torch
from config_view import problems
from needs_torch import DEEP

from gan_experiments.core.contracts import Discriminator, Encoder, Generator
from gan_experiments.core.network_rules import unfit_rectangle
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.datasets.image_files import ImageFolder
from gan_experiments.networks.autoencoder import AutoencoderDiscriminator
from gan_experiments.networks.biggan import BigGANGenerator
from gan_experiments.networks.biggan_deep import BigGANDeepDiscriminator, BigGANDeepGenerator
from gan_experiments.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_experiments.networks.encoder import DCGANEncoder, MLPEncoder
from gan_experiments.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_experiments.networks.patch_discriminator import PatchDiscriminator
from gan_experiments.networks.polynomial import LinearGenerator, PointGenerator, PolynomialDiscriminator
from gan_experiments.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from gan_experiments.networks.residual import ResidualDiscriminator, ResidualGenerator
from gan_experiments.networks.resnet_translator import ResNetTranslator
from gan_experiments.networks.sndcgan import SNDCGANDiscriminator, SNDCGANGenerator
from gan_experiments.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from gan_experiments.networks.unet import UNetTranslator

WIDTH = {"channels": 2}
NETWORKS = {
    DCGANGenerator: WIDTH,
    SNDCGANGenerator: WIDTH,
    ResidualGenerator: {**WIDTH, "attention": "half"},
    BigGANGenerator: {**WIDTH, "latent_dim": 60, "embedding_dim": 3},
    BigGANDeepGenerator: {**WIDTH, "latent_dim": 6, "embedding_dim": 3},
    StyleGAN2Generator: {**WIDTH, "latent_dim": 5, "style_dim": 5, "mapping_layers": 1},
    R3GANGenerator: {**WIDTH, "group_width": 2, "blocks": 1},
    MLPGenerator: {},
    PointGenerator: {},
    LinearGenerator: {},
    DCGANDiscriminator: WIDTH,
    SNDCGANDiscriminator: WIDTH,
    ResidualDiscriminator: {**WIDTH, "attention": "quarter"},
    BigGANDeepDiscriminator: WIDTH,
    StyleGAN2Discriminator: WIDTH,
    R3GANDiscriminator: {**WIDTH, "group_width": 2, "blocks": 1},
    MLPDiscriminator: {},
    AutoencoderDiscriminator: WIDTH,
    PolynomialDiscriminator: {},
    PatchDiscriminator: WIDTH,
    DCGANEncoder: {**WIDTH, "latent_dim": 3},
    MLPEncoder: {"latent_dim": 3},
    UNetTranslator: WIDTH,
    ResNetTranslator: {**WIDTH, "blocks": 1},
}


@pytest.mark.parametrize("size", [(16, 24), (56, 28), (40, 16)], ids=str)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_rectangles_of_four_channels_go_through(network, size):
    facts = DataFacts("images", size, 4, input_channels=2 if issubclass(network, Translator) else None)
    built = network(facts, **NETWORKS[network])
    images = torch.randn(2, 4, *size)
    if isinstance(built, Generator):
        assert built(torch.randn(2, built.latent_dim)).shape == images.shape
    elif isinstance(built, Translator):
        assert built(images[:, :2]).shape == images.shape
    elif isinstance(built, Encoder):
        assert [each.shape for each in built(images)] == [(2, 3)] * 2
    else:
        assert isinstance(built, Discriminator)
        output = built(images)
        assert len(output) == 2
        (slope,) = torch.autograd.grad(output.sum(), next(built.parameters()))
        assert slope.isfinite().all()


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_every_pixel_reaches_a_discriminator_and_comes_from_a_generator(network):
    """A map whose size does not divide would lose its last row."""
    if not issubclass(network, Discriminator) or network is PatchDiscriminator:
        pytest.skip("of discriminators")
    facts = DataFacts("images", (16, 24), 3)
    images = torch.randn(2, 3, 16, 24, requires_grad=True)
    (slope,) = torch.autograd.grad(network(facts, **NETWORKS[network])(images).sum(), images)
    assert (slope.abs().sum((0, 1)) > 0).all()


@pytest.mark.parametrize("network", [DCGANGenerator, ResidualDiscriminator, UNetTranslator, R3GANGenerator])
def test_a_square_is_what_it_was(network):
    """Two equal numbers are one: the weights have the same shapes."""
    made = [
        network(DataFacts("images", size, 3, input_channels=3 if issubclass(network, Translator) else None))
        for size in (16, [16, 16])
    ]
    shapes = [{name: weight.shape for name, weight in each.state_dict().items()} for each in made]
    assert shapes[0] == shapes[1]
    assert made[1].facts.image_size == 16


def test_a_side_that_is_no_multiple_is_refused_with_the_multiple():
    text = "DCGANGenerator takes rectangles whose longer side is a multiple of 8 where the shorter one is 32"
    with pytest.raises(ConfigError, match=text):
        DCGANGenerator(DataFacts("images", (32, 44), 3))
    config = {"dataset": {"_target_": ImageFolder, "image_size": [32, 44]}, "model": {"generator": None}}
    config["model"]["generator"] = {"_target_": DCGANGenerator}
    assert [problem for problem in problems(config, "model.generator") if text in problem]
    config["dataset"]["image_size"] = [32, 48]
    assert not problems(config, "model.generator")


def test_a_network_that_says_nothing_takes_squares_only():
    class Own(Discriminator):
        pass

    Own(DataFacts("images", 9, 3))
    with pytest.raises(ConfigError, match="Own takes square images only, not 8 x 9 pixels"):
        Own(DataFacts("images", (8, 9), 3))
    assert unfit_rectangle(Own, 8, 8) == ""


@DEEP
def test_facts_say_height_and_width():
    facts = DataFacts("images", [4, 6], 2, bits=16)
    assert (facts.image_size, facts.height, facts.width, facts.shorter_side, facts.shape) == (
        (4, 6),
        4,
        6,
        4,
        (2, 4, 6),
    )
    assert DataFacts(**facts.as_dict()) == facts
    assert facts.levels == 65535
    assert "bits" not in DataFacts("images", 4, 1).as_dict()
    assert math.prod(DataFacts("images", 4, 1).shape) == 16
