import math

import pytest
import torch
from config_view import problems
from torch import nn

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.datasets.cifar import CIFAR10
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.networks.r3gan import R3GANDiscriminator, R3GANGenerator, ResidualBlock
from gan_experiments.networks.resample import Downsample, Upsample

SIZES = R3GANGenerator.image_sizes


def facts(size=16, channels=3, num_classes=4):
    return DataFacts("images", size, channels, num_classes)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def wake(network):
    """Give the layers that start at 0 other weights."""
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            nn.init.normal_(module.reduce.weight, 0.0, 0.1)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_forward_and_backward_at_every_size(size, conditional):
    batch, channels, blocks = (1, 1, 1) if size > 64 else (2, 2, 2)
    width = {"channels": channels, "max_channels": 2 * channels, "blocks": blocks}
    generator = R3GANGenerator(facts(size), latent_dim=5, conditional=conditional, **width)
    discriminator = R3GANDiscriminator(facts(size), conditioning="projection" if conditional else "none", **width)
    wake(generator)
    wake(discriminator)
    labels = torch.tensor([0, 3])[:batch] if conditional else None
    images = generator(torch.randn(batch, 5), labels)
    assert images.shape == (batch, 3, size, size)
    logits = discriminator(images, labels)
    assert logits.shape == (batch,)
    assert discriminator.features(images).shape == (batch, discriminator.head.in_features)
    logits.sum().backward()
    for network in (generator, discriminator):
        for name, weight in network.named_parameters():
            assert weight.grad.isfinite().all(), name
            assert weight.grad.abs().max() > 0, name
        assert network.conditional == conditional


def test_parameters_are_those_of_the_published_models():
    """Huang et al. 2024: 20.78 and 21.28 million on CIFAR-10 with classes, 20.73 and 20.68 without.

    The exact numbers are those of the authors' networks (brownvc/R3GAN, train.py, presets CIFAR10 and FFHQ-256).
    """
    cifar, faces = DataFacts("cifar10", 32, 3, 10), DataFacts("ffhq", 256, 3)
    with torch.device("meta"):
        counts = [
            (parameters(R3GANGenerator(cifar, channels=768)), parameters(R3GANDiscriminator(cifar, channels=768))),
            (
                parameters(R3GANGenerator(cifar, channels=768, conditional=True)),
                parameters(R3GANDiscriminator(cifar, channels=768, conditioning="projection")),
            ),
            (parameters(R3GANGenerator(faces, channels=96)), parameters(R3GANDiscriminator(faces, channels=96))),
        ]
    assert counts == [(20_732_160, 20_683_776), (20_781_952, 21_280_512), (23_057_952, 23_009_568)]


def test_one_block_has_the_parameters_of_its_formula():
    block = ResidualBlock(768, expansion=2, group_width=16, depth=8)
    assert parameters(block) == 2 * 768 * 1536 + 1536 * 16 * 9 + 2 * 1536
    assert block.grouped.groups == 96  # the published cardinality


def test_initialization_is_that_of_the_paper():
    torch.manual_seed(0)
    depth = 8
    block = ResidualBlock(64, expansion=2, group_width=16, depth=depth)
    gain = math.sqrt(2 / (1 + 0.2**2)) * depth ** (-1 / (2 * 3 - 2))
    assert block.expand.weight.std().item() == pytest.approx(gain / math.sqrt(64), rel=0.02)
    assert block.grouped.weight.std().item() == pytest.approx(gain / math.sqrt(16 * 9), rel=0.02)
    assert block.reduce.weight.abs().max() == 0
    assert block.reduce.bias is None
    assert block.expand.bias.abs().max() == block.grouped.bias.abs().max() == 0
    images = torch.randn(2, 64, 8, 8)
    assert torch.equal(block(images), images)


def test_scaled_branches_keep_the_variance_of_the_whole_network():
    """Were the last convolution at its usual scale, one branch had the variance 1 / depth, and all of them 1."""
    torch.manual_seed(0)
    depth = 16
    block = ResidualBlock(256, expansion=2, group_width=16, depth=depth)
    nn.init.normal_(block.reduce.weight, 0.0, 512**-0.5)
    images = torch.randn(8, 256, 16, 16)
    branch = (block(images) - images)[..., 1:-1, 1:-1]
    assert branch.var().item() * depth == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("size", [16, 32])
def test_images_at_the_start_have_unit_variance_and_logits_too(size):
    torch.manual_seed(0)
    generator = R3GANGenerator(facts(size), latent_dim=64, channels=32, max_channels=32)
    images = generator(torch.randn(128, 64))
    centre = images[..., 4:-4, 4:-4]
    smoothed = Upsample()(torch.randn(64, 1, 8, 8))[..., 2:-2, 2:-2].var().item()  # interpolation averages: 0.39
    doublings = {16: 2, 32: 3}[size]
    assert smoothed**doublings / 3 < centre.var().item() < 1.5
    discriminator = R3GANDiscriminator(facts(8), channels=32, max_channels=32)
    assert 0.05 < discriminator(torch.randn(128, 3, 8, 8)).std().item() < 1.5


def test_resampling_is_by_the_interpolation_filter():
    generator = R3GANGenerator(facts(32), channels=8, max_channels=8)
    discriminator = R3GANDiscriminator(facts(32), channels=8, max_channels=8)
    ups = [module for module in generator.modules() if isinstance(module, Upsample)]
    downs = [module for module in discriminator.modules() if isinstance(module, Downsample)]
    assert len(ups) == len(downs) == 3
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8  # (1, 2, 1), the published filter, after the box of a pixel
    torch.testing.assert_close(downs[0].kernel, torch.outer(line, line))
    torch.testing.assert_close(ups[0].kernel, 4 * torch.outer(line, line))


def test_there_is_no_normalization_and_samples_never_meet():
    discriminator = R3GANDiscriminator(facts(), channels=8)
    wake(discriminator)
    images = torch.randn(4, 3, 16, 16)
    alone = torch.cat([discriminator(image[None]) for image in images])
    torch.testing.assert_close(discriminator(images), alone, rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_refused():
    for network in (R3GANGenerator, R3GANDiscriminator):
        with pytest.raises(ConfigError, match="8, 16, 28, 32, 64, 128, 256, 512, 1024; images has 48"):
            network(facts(48))
        with pytest.raises(ConfigError, match="12 channels x 2 do not divide into groups of 16"):
            network(facts(), channels=12, max_channels=12)
    with pytest.raises(ConfigError, match="labels"):
        R3GANGenerator(facts(num_classes=0), conditional=True)
    with pytest.raises(ConfigError, match="labels"):
        R3GANDiscriminator(facts(num_classes=0), conditioning="projection")


def test_labels_matter():
    generator = R3GANGenerator(facts(), latent_dim=5, channels=4, conditional=True)
    discriminator = R3GANDiscriminator(facts(), channels=4, conditioning="projection")
    images = generator(torch.ones(4, 5), torch.arange(4))
    assert (images[0] - images[1:]).abs().amax(dim=(1, 2, 3)).min() > 1e-3
    logits = discriminator(images[:1].expand(4, -1, -1, -1), torch.arange(4))
    assert len(set(logits.tolist())) == 4


def test_gradient_penalties_can_be_differentiated():
    discriminator = R3GANDiscriminator(facts(), channels=4).double()
    wake(discriminator)
    images = torch.randn(3, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    slope.square().sum().backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in discriminator.parameters())


def test_memory_format_does_not_matter():
    generator, discriminator = R3GANGenerator(facts(), 5, channels=4), R3GANDiscriminator(facts(), channels=4)
    wake(generator)
    wake(discriminator)
    latents = torch.randn(2, 5)
    images = generator(latents)
    logits = discriminator(images)
    turned = generator.to(memory_format=torch.channels_last)(latents)
    assert turned.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(turned, images, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        discriminator.to(memory_format=torch.channels_last)(turned), logits, rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize(
    ("network", "options", "dataset", "key", "text"),
    [
        (
            "generator",
            {"channels": 12},
            Digits,
            "channels",
            "12 x 2 does not divide into groups of 16; multiples of 8 do",
        ),
        (
            "generator",
            {"channels": 6},
            Digits,
            "channels",
            "6 channels become 12: 12 x 2 does not divide into groups of 16; multiples of 8 do",
        ),
        (
            "generator",
            {"channels": 6, "expansion": 3},
            CIFAR10,
            "channels",
            "6 x 3 does not divide into groups of 16; multiples of 16 do",
        ),
        (
            "discriminator",
            {"max_channels": 100, "group_width": 32},
            CIFAR10,
            "max_channels",
            "100 x 2 does not divide into groups of 32; multiples of 16 do",
        ),
    ],
)
def test_channels_that_do_not_divide_into_groups_are_refused(network, options, dataset, key, text):
    target = R3GANGenerator if network == "generator" else R3GANDiscriminator
    config = {"dataset": {"_target_": dataset}, "model": {network: {"_target_": target, **options}}}
    assert problems(config, f"model.{network}") == [f"model.{network}.{key}: {text}"]


@pytest.mark.parametrize(("target", "channels"), [(R3GANGenerator, 4), (R3GANDiscriminator, 8), (R3GANGenerator, 32)])
def test_channels_that_divide_are_taken(target, channels):
    key = "generator" if target is R3GANGenerator else "discriminator"
    config = {"model": {key: {"_target_": target, "channels": channels}}}
    assert problems(config, f"model.{key}") == []
    assert problems(config | {"dataset": {"_target_": Digits}}, f"model.{key}") == []


def test_a_width_that_no_stage_reaches_is_taken():
    options = {"_target_": R3GANDiscriminator, "channels": 8, "max_channels": 100, "group_width": 16}
    config = {"dataset": {"_target_": Digits}, "model": {"discriminator": options}}
    assert problems(config, "model.discriminator") == []
    R3GANDiscriminator(facts(8), channels=8, max_channels=100, group_width=16, blocks=1)


def test_a_width_that_fits_is_one_that_can_be_built():
    with pytest.raises(ConfigError, match="do not divide"):
        R3GANGenerator(facts(8), channels=12, blocks=1)
    for channels in (8, 16):
        R3GANGenerator(facts(8), channels=channels, blocks=1)


def test_a_width_that_is_refused_already_is_not_spoken_of_again():
    config = {"model": {"generator": {"_target_": R3GANGenerator, "channels": "x"}}}
    assert problems(config, "model.generator", refused=["model.generator.channels"]) == []
