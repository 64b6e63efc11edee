import copy

import pytest
import torch
from config_view import problems, warnings
from torch import nn

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks import dcgan
from gan_experiments.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_experiments.penalties.dragan import DRAGAN
from gan_experiments.penalties.lecam import LeCam
from gan_experiments.penalties.max_gradient_penalty import MaxGradientPenalty
from gan_experiments.penalties.path_length import PathLength
from gan_experiments.penalties.r1 import R1
from gan_experiments.penalties.r2 import R2
from gan_experiments.penalties.weight_clipping import WeightClipping
from gan_experiments.penalties.wgan_gp import WGANGP

SIZES = DCGANGenerator.image_sizes
KINDS = ["batch", "layer", "instance", "none"]


def facts(size, channels=3):
    return DataFacts("images", size, channels)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_range(size, channels):
    images = DCGANGenerator(facts(size, channels), latent_dim=7, channels=4)(10 * torch.randn(2, 7))
    assert images.shape == (2, channels, size, size)
    assert images.abs().max() <= 1
    discriminator = DCGANDiscriminator(facts(size, channels), channels=4)
    assert discriminator(images).shape == (2,)
    assert discriminator.features(images).shape == (2, discriminator.head.in_features)


def test_sizes_can_be_halved_to_the_smallest_maps():
    assert tuple(DCGANGenerator.side_multiple) == DCGANGenerator.image_sizes
    assert all(size % multiple == 0 for size, multiple in DCGANGenerator.side_multiple.items())


@pytest.mark.parametrize("network", [DCGANGenerator, DCGANDiscriminator])
def test_other_sizes_are_refused(network):
    with pytest.raises(ConfigError, match="8, 16, 28, 32, 64; images has 48"):
        network(facts(48))


def test_parameters_of_the_well_known_64_pixel_networks():
    # pytorch/examples, dcgan/main.py, with its defaults nz=100, ngf=ndf=64 and three channels.
    assert parameters(DCGANGenerator(facts(64), latent_dim=100, channels=64)) == 3_576_704
    assert parameters(DCGANDiscriminator(facts(64), channels=64)) == 2_765_568


def test_parameters_and_maps_of_the_networks_of_pacgan():
    """Lin et al. 2018, stacked_MNIST_experiments: 28, 14, 7, 4 and 2 pixels; biases before batch norm do nothing."""
    options = {"kernel_size": 5, "stages": 4, "image_bias": True}
    generator, discriminator = DCGANGenerator(facts(28), **options), DCGANDiscriminator(facts(28), packing=2, **options)
    kernels = 512 * 256 + 256 * 128 + 128 * 64
    assert parameters(generator) == 100 * 2048 + 25 * (kernels + 64 * 3) + 3 + 2 * (512 + 256 + 128 + 64)
    assert parameters(discriminator) == 25 * (6 * 64 + kernels) + 64 + 2 * (128 + 256 + 512) + 2048
    for network, values in ((generator, torch.randn(2, 100)), (discriminator, torch.randn(2, 6, 28, 28))):
        sides = []
        for layer in network.layers:
            values = layer(values)
            sides += [values.shape[-1]] if isinstance(layer, (nn.Unflatten, nn.Conv2d, nn.ConvTranspose2d)) else []
        assert sides == ([2, 4, 7, 14, 28] if network is generator else [14, 7, 4, 2])


@pytest.mark.parametrize(("size", "stages"), [(28, 4), (8, 3), (64, 5), ((28, 56), 3), (32, None), (64, 1)])
def test_five_pixel_kernels_reach_any_size(size, stages):
    options = {"channels": 2, "kernel_size": 5, "stages": stages}
    images = DCGANGenerator(facts(size), latent_dim=3, **options)(torch.randn(2, 3))
    assert images.shape[2:] == ((size, size) if isinstance(size, int) else size)
    assert DCGANDiscriminator(facts(size), **options)(images).shape == (2,)


def test_five_pixel_kernels_are_centered():
    """A doubled pixel of value 1 lies in the middle of what its kernel draws."""
    layer = dcgan._doubling("transposed", 5, (7, 7), 1, 1, False)[0]
    nn.init.zeros_(layer.weight).data[0, 0, 2, 2] = 1
    assert layer(torch.ones(1, 1, 4, 4)).squeeze().nonzero().tolist() == [
        [y, x] for y in range(0, 7, 2) for x in range(0, 7, 2)
    ]


@pytest.mark.parametrize("network", [DCGANGenerator, DCGANDiscriminator])
@pytest.mark.parametrize(("size", "stages"), [(28, 3), (28, 4), ((28, 42), 2)])
def test_stages_that_do_not_halve_are_refused(network, size, stages):
    pixels = "28" if size == 28 else "28 x 42"
    config = {"_target_": network, "stages": stages}
    (line,) = problems({"model": {"it": config}, "dataset": {"image_size": size}}, "model.it")
    assert line.startswith(
        f"model.it.stages: {pixels} pixels cannot be halved {stages} times; take fewer, or kernel_size=5"
    )
    if size == 28:
        with pytest.raises(ConfigError, match="7 x 7 pixels cannot be halved"):
            network(facts(size), stages=stages)
    five = {"model": {"it": config | {"kernel_size": 5}}, "dataset": {"image_size": size}}
    assert problems(five, "model.it") == []


def test_repetition_does_not_reach_odd_sizes():
    with pytest.raises(ConfigError, match="7 x 7 pixels cannot be halved"):
        DCGANGenerator(facts(28), upsampling="nearest", kernel_size=5, stages=3)
    config = {"_target_": DCGANGenerator, "upsampling": "nearest", "kernel_size": 5, "stages": 3}
    assert problems({"model": {"it": config}, "dataset": {"image_size": 28}}, "model.it")


@pytest.mark.parametrize("size", SIZES)
def test_projection_and_head_are_the_convolutions_of_the_paper(size):
    """A transposed convolution on 1x1 is a linear map, and so is a convolution over all of its input."""
    generator, discriminator = DCGANGenerator(facts(size), 7, 4), DCGANDiscriminator(facts(size), 4)
    projection, unflatten = generator.layers[0], generator.layers[1]
    maps, start, _ = unflatten.unflattened_size
    latents = torch.randn(2, 7)
    kernel = projection.weight.T.reshape(7, maps, start, start)
    expected = nn.functional.conv_transpose2d(latents.view(2, 7, 1, 1), kernel)
    torch.testing.assert_close(unflatten(projection(latents)), expected)
    features = discriminator.features(torch.randn(2, 3, size, size))
    kernel = discriminator.head.weight.view(1, -1, start, start)
    expected = nn.functional.conv2d(features.view(2, -1, start, start), kernel).flatten()
    torch.testing.assert_close(discriminator.head(features).squeeze(1), expected)


def test_initialization_is_that_of_the_paper():
    torch.manual_seed(0)
    for network in (DCGANGenerator(facts(32)), DCGANDiscriminator(facts(32))):
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                assert module.bias is None
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
            elif isinstance(module, nn.BatchNorm2d):
                assert module.weight.mean().item() == pytest.approx(1, abs=0.02)
                assert module.bias.abs().max() == 0


@pytest.mark.parametrize("norm", KINDS)
def test_only_batch_norm_lets_samples_meet(norm):
    discriminator = DCGANDiscriminator(facts(16), channels=4, norm=norm)
    images = torch.randn(4, 3, 16, 16)
    with_others, alone = discriminator(images)[:2], discriminator(images[:2])
    assert torch.allclose(with_others, alone, atol=1e-6) == (norm != "batch")


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_generator_can_do_without_norm(norm):
    generator = DCGANGenerator(facts(16), channels=4, norm=norm)
    assert any(isinstance(module, nn.BatchNorm2d) for module in generator.modules()) == (norm == "batch")
    assert all(
        (module.bias is not None) == (norm == "none") for module in generator.modules() if hasattr(module, "stride")
    )


def test_spectral_norm_makes_every_layer_one_lipschitz():
    discriminator = DCGANDiscriminator(facts(16), channels=4, norm="none", spectral_norm=True)
    for _ in range(50):
        discriminator(torch.randn(2, 3, 16, 16))
    discriminator.eval()
    layers = [module for module in discriminator.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    assert len(layers) == 3
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("norm", KINDS)
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_gradient_penalty_can_be_differentiated(norm, spectral_norm):
    """Activations in place give the gradients of those that are not, through a second derivative too."""
    in_place = DCGANDiscriminator(facts(16), channels=4, norm=norm, spectral_norm=spectral_norm).double()
    copied = copy.deepcopy(in_place)
    for module in copied.modules():
        if isinstance(module, nn.LeakyReLU):
            module.inplace = False
    images = torch.randn(3, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    gradients = []
    for discriminator in (in_place, copied):
        output = discriminator(images)
        (slope,) = torch.autograd.grad(output.sum(), images, create_graph=True)
        (output.mean() + slope.square().sum()).backward()
        gradients.append([parameter.grad for parameter in discriminator.parameters()])
    for left, right in zip(*gradients, strict=True):
        torch.testing.assert_close(left, right)


def test_doubling_by_repetition_has_no_transposed_convolution():
    generator = DCGANGenerator(facts(32), channels=4, upsampling="nearest")
    assert not any(isinstance(module, nn.ConvTranspose2d) for module in generator.modules())
    assert generator(torch.randn(2, 100)).shape == (2, 3, 32, 32)
    assert parameters(generator) == 100 * 256 + 32 + 9 * (16 * 8 + 8 * 4 + 4 * 3) + 16 + 8


def test_dropout_drops_whole_maps_in_training_only():
    torch.manual_seed(0)
    discriminator = DCGANDiscriminator(facts(32), channels=64, norm="none", dropout=0.5)
    images = torch.randn(4, 3, 32, 32)
    dead = discriminator.layers[:3](images).flatten(2).eq(0).all(dim=2)
    assert dead.float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert not torch.equal(discriminator(images), discriminator(images))
    discriminator.eval()
    assert torch.equal(discriminator(images), discriminator(images))


def test_memory_format_does_not_matter():
    generator, discriminator = DCGANGenerator(facts(32), channels=4), DCGANDiscriminator(facts(32), channels=4)
    latents = torch.randn(2, 100)
    images = generator(latents)
    output = discriminator(images)
    turned = generator.to(memory_format=torch.channels_last)(latents)
    assert turned.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(turned, images, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        discriminator.to(memory_format=torch.channels_last)(turned), output, rtol=1e-3, atol=1e-5
    )


def beside(penalty, **options):
    network = {"_target_": DCGANDiscriminator, **options}
    return {"model": {"discriminator": network}, "penalty": {"it": {"_target_": penalty}}}


@pytest.mark.parametrize("penalty", [WGANGP, DRAGAN, MaxGradientPenalty])
def test_batch_norm_is_warned_of_beside_the_gradient_of_each_sample(penalty):
    for options in ({}, {"norm": "batch"}):
        (line,) = warnings(beside(penalty, **options), "model.discriminator")
        assert line.startswith("model.discriminator.norm: 'batch' with penalty.it: the gradient at an image then")
    assert warnings(beside(penalty, norm="layer"), "model.discriminator") == []


@pytest.mark.parametrize("penalty", [R1, R2, PathLength, LeCam, WeightClipping])
def test_other_penalties_do_not_mind_batch_norm(penalty):
    assert warnings(beside(penalty, norm="batch"), "model.discriminator") == []


def test_slope_and_bias_of_the_layer_at_the_image_are_options():
    generator = DCGANGenerator(facts(16), channels=4, slope=0.3, image_bias=True)
    assert [module.negative_slope for module in generator.modules() if isinstance(module, nn.LeakyReLU)] == [0.3, 0.3]
    discriminator = DCGANDiscriminator(facts(16), channels=4, image_bias=True)
    for network, place in ((generator, -2), (discriminator, 0)):
        with_bias = [
            m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) and m.bias is not None
        ]
        assert with_bias == [network.layers[place]]
