import copy
import math

import pytest
import torch
from torch.nn.functional import conv2d

from gan_experiments.networks.resample import Downsample, Upsample
from gan_experiments.networks.style_layers import (
    EqualizedConv2d,
    EqualizedLinear,
    MappingNetwork,
    ModulatedConv2d,
    activation,
    unit_length,
)


def modulated(layer, styles, gain=1.0):
    """Return the weights of each sample as the paper writes them (Karras et al. 2020, eq. 1 and 3)."""
    weights = []
    for style in layer.style(styles):
        weight = layer.weight * style[None, :, None, None]
        if layer.demodulate:
            weight = weight / weight.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        weights.append(weight * gain)
    return torch.stack(weights)


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("demodulate", [True, False])
def test_modulated_convolution_is_that_of_each_sample_and_the_grouped_one(kernel_size, demodulate):
    layer = ModulatedConv2d(5, 4, kernel_size, style_dim=6, demodulate=demodulate).double()
    images, styles = torch.randn(3, 5, 8, 8).double(), torch.randn(3, 6).double()
    weights = modulated(layer, styles, 1.0 if demodulate else 1 / math.sqrt(5 * kernel_size**2))
    result = layer(images, styles)
    each = [conv2d(image[None], weight, padding="same") for image, weight in zip(images, weights, strict=True)]
    torch.testing.assert_close(result, torch.cat(each), rtol=1e-6, atol=1e-6)
    grouped = conv2d(images.reshape(1, 15, 8, 8), weights.flatten(0, 1), padding="same", groups=3)
    torch.testing.assert_close(result, grouped.view(3, 4, 8, 8), rtol=1e-6, atol=1e-6)


def test_upsampling_modulated_convolution_filters_the_doubled_image():
    """Away from the edge the order of two convolutions does not matter."""
    layer = ModulatedConv2d(5, 4, 3, style_dim=6, upsample=True).double()
    images, styles = torch.randn(2, 5, 8, 8).double(), torch.randn(2, 6).double()
    doubled = Upsample()(images)
    # conv_transpose2d mirrors the kernel
    each = [
        conv2d(image[None], weight.flip(2, 3), padding=1)
        for image, weight in zip(doubled, modulated(layer, styles), strict=True)
    ]
    result = layer(images, styles)
    assert result.shape == (2, 4, 16, 16)
    torch.testing.assert_close(result[..., 3:-3, 3:-3], torch.cat(each)[..., 3:-3, 3:-3], rtol=1e-6, atol=1e-6)


def test_demodulated_maps_have_unit_variance_whatever_the_style():
    torch.manual_seed(0)
    layer = ModulatedConv2d(32, 32, 3, style_dim=8)
    variance = layer(torch.randn(4, 32, 32, 32), 20 * torch.randn(4, 8))[..., 1:-1, 1:-1].var(dim=(2, 3))
    assert variance.mean().item() == pytest.approx(1, abs=0.05)


def test_a_style_starts_near_one():
    layer = ModulatedConv2d(5, 4, 3, style_dim=6)
    torch.testing.assert_close(layer.style(torch.zeros(1, 6)), torch.ones(1, 5))


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_downsampling_convolution_halves_the_filtered_image(kernel_size):
    layer = EqualizedConv2d(3, 4, kernel_size, downsample=True).double()
    images = torch.randn(2, 3, 12, 12).double()
    result = layer(images)
    assert result.shape == (2, 4, 6, 6)
    if kernel_size == 1:
        plain = conv2d(Downsample()(images), layer.weight * layer.gain, layer.bias)
        torch.testing.assert_close(result, plain, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("layer", [EqualizedLinear(64, 512), EqualizedConv2d(16, 512, 3)])
def test_equalized_weights_are_standard_normal_and_act_as_if_scaled(layer):
    assert layer.weight.std().item() == pytest.approx(1, rel=0.02)
    assert layer.gain == pytest.approx(layer.weight[0].numel() ** -0.5)
    values = torch.randn(256, *([64] if layer.weight.ndim == 2 else [16, 3, 3]))
    output = layer(values) if layer.weight.ndim == 2 else layer(values)[:, :, 1, 1]
    assert output.std().item() == pytest.approx(1, rel=0.05)


def test_the_learning_rate_of_an_equalized_layer_is_multiplied():
    """A step of Adam moves each stored weight by the rate, so what is used by the rate times the gain."""
    for multiplier in (1.0, 0.01):
        layer = EqualizedLinear(100, 8, bias=0.3, lr_multiplier=multiplier)
        before, start = (layer.weight * layer.gain).detach().clone(), layer(torch.zeros(1, 100)).detach().clone()
        torch.testing.assert_close(start, torch.full((1, 8), 0.3))
        assert before.std().item() == pytest.approx(0.1, rel=0.1)
        optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
        layer(torch.ones(1, 100)).sum().backward()
        optimizer.step()
        moved = (layer.weight * layer.gain - before).abs()
        torch.testing.assert_close(moved, torch.full_like(moved, 1e-3 * multiplier / 10), rtol=1e-2, atol=1e-8)
        moved = (layer(torch.zeros(1, 100)) - start).abs()
        torch.testing.assert_close(moved, torch.full_like(moved, 1e-3 * multiplier), rtol=1e-2, atol=1e-8)


def test_mapping_ignores_the_length_of_latents_and_sees_labels():
    mapping = MappingNetwork(6, 3, style_dim=8, layers=2, lr_multiplier=0.01)
    latents, labels = torch.randn(3, 6), torch.arange(3)
    styles = mapping(latents, labels)
    assert styles.shape == (3, 8)
    torch.testing.assert_close(mapping(5 * latents, labels), styles, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(mapping(latents, labels.flip(0)), styles)
    with pytest.raises(ValueError, match="needs labels"):
        mapping(latents)


def test_activation_keeps_the_second_moment():
    values = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    assert activation(values).square().mean().item() == pytest.approx(1.04, rel=0.02)  # (1 + 0.2^2) / 2 * 2
    torch.testing.assert_close(unit_length(torch.randn(4, 6)).square().mean(dim=1), torch.ones(4))


@pytest.mark.parametrize("upsample", [False, True])
def test_memory_format_does_not_matter(upsample):
    layer = ModulatedConv2d(5, 4, 3, style_dim=6, upsample=upsample)
    turned = copy.deepcopy(layer).to(memory_format=torch.channels_last)
    images, styles = torch.randn(2, 5, 8, 8), torch.randn(2, 6)
    result = turned(images.to(memory_format=torch.channels_last), styles)
    assert result.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(result, layer(images, styles), rtol=1e-4, atol=1e-5)
