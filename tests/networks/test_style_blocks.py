"""The blocks of StyleGAN2, each written out from its layers."""

import math

import pytest
import torch
from torch import nn

from gan_experiments.networks.resample import Downsample, Upsample
from gan_experiments.networks.style_blocks import DiscriminatorBlock, StyledLayer, SynthesisBlock, ToImage, add_image
from gan_experiments.networks.style_layers import activation


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_noise_is_new_in_training_and_fixed_in_evaluation():
    layer = StyledLayer(3, 4, (8, 8), 5, upsample=True)
    nn.init.ones_(layer.strength)
    images, styles = torch.randn(2, 3, 4, 4), torch.randn(2, 5)
    assert not torch.equal(layer(images, styles), layer(images, styles))
    layer.eval()
    convolved = layer.convolution(images, styles)
    torch.testing.assert_close(layer(images, styles), activation(convolved + layer.noise))
    assert torch.equal(layer(images, styles), layer(images, styles))


def test_images_are_not_demodulated_and_at_least_float32():
    to_image = ToImage(4, 3, 5)
    maps, styles = torch.randn(2, 4, 8, 8), torch.randn(2, 5)
    torch.testing.assert_close(to_image(2 * maps, styles), 2 * to_image(maps, styles))
    assert to_image.bfloat16()(maps.bfloat16(), styles.bfloat16()).dtype == torch.float32


def test_skip_sums_the_image_of_each_size():
    block = SynthesisBlock(4, 6, (8, 8), 5, image_channels=3, first=False, shortcut=False).eval()
    maps, image, styles = torch.randn(2, 4, 4, 4), torch.randn(2, 3, 4, 4), torch.randn(2, 3, 5)
    values = block.layers[1](block.layers[0](maps, styles[:, 0]), styles[:, 1])
    got_values, got_image = block(maps, image, styles)
    torch.testing.assert_close(got_values, values)
    torch.testing.assert_close(got_image, Upsample()(image) + block.to_image(values, styles[:, 2]))
    torch.testing.assert_close(block(maps, None, styles)[1], block.to_image(values, styles[:, 2]))


def test_a_residual_synthesis_block_halves_the_variance_of_the_sum():
    block = SynthesisBlock(4, 6, (8, 8), 5, image_channels=0, first=False, shortcut=True).eval()
    maps, styles = torch.randn(2, 4, 4, 4), torch.randn(2, 3, 5)
    values = block.layers[1](block.layers[0](maps, styles[:, 0]), styles[:, 1])
    expected = (values + Upsample()(block.shortcut(maps))) / math.sqrt(2)
    got, image = block(maps, None, styles)
    torch.testing.assert_close(got, expected)
    assert image is None


def test_the_first_block_has_one_layer_and_keeps_the_size():
    block = SynthesisBlock(0, 6, (4, 4), 5, image_channels=3, first=True, shortcut=True).eval()
    values, image = block(torch.randn(2, 6, 4, 4), None, torch.randn(2, 2, 5))
    assert len(block.layers) == 1
    assert block.shortcut is None
    assert (values.shape, image.shape) == ((2, 6, 4, 4), (2, 3, 4, 4))


@pytest.mark.parametrize(("shortcut", "skip"), [(True, False), (False, True), (False, False)])
def test_a_discriminator_block_halves_maps_and_in_skip_form_the_image(shortcut, skip):
    block = DiscriminatorBlock(4, 6, 3, shortcut, skip)
    image = torch.randn(2, 3, 8, 8)
    seen = activation(block.from_image(image))
    expected = activation(block.second(activation(block.first(seen))))
    if shortcut:
        expected = (expected + block.shortcut(Downsample()(seen))) / math.sqrt(2)
    values, after = block(None, image)
    torch.testing.assert_close(values, expected)
    torch.testing.assert_close(after, Downsample()(image) if skip else image)


def test_the_image_is_added_to_the_maps_so_far():
    from_image, maps, image = nn.Conv2d(3, 4, 1), torch.randn(2, 4, 8, 8), torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(add_image(from_image, maps, image), maps + activation(from_image(image)))
    torch.testing.assert_close(add_image(from_image, None, image), activation(from_image(image)))
    assert torch.equal(add_image(None, maps, image), maps)
