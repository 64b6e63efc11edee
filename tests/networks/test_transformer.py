import pytest
import torch
from awake import parameters
from torch import nn
from torch.nn.functional import silu

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.transformer import TransformerDiscriminator, TransformerGenerator

FACTS = DataFacts("images", 8, 3, 4)
SMALL = {"width": 16, "depth": 2, "heads": 2, "patch": 2}


def test_parameters_are_those_of_the_authors():
    """hse1032/GAT, models, with a ``cmap_dim`` of the width, without the generator's patches, times 0."""
    generator = TransformerGenerator(DataFacts("x", 16, 4, 5), 10, 48, 8, 3, conditional=True)
    discriminator = TransformerDiscriminator(DataFacts("x", 16, 16, 5), 48, 8, 3, conditioning="projection")
    assert (parameters(generator), parameters(discriminator)) == (326_034, 246_672)


def rms(values):
    return values / (values.square().mean(-1, keepdim=True) + 1e-6).sqrt()


def test_it_is_the_generator_of_the_paper():
    torch.manual_seed(0)
    network = TransformerGenerator(FACTS, 6, **SMALL, conditional=True)
    latents, labels = torch.randn(3, 6), torch.arange(3)
    nn.init.normal_(network.embedding.weight)
    parts = [network.embedding.weight[labels], latents]
    parts = [part / (part.square().mean(1, keepdim=True) + 1e-8).sqrt() for part in parts]
    first, _, second = network.mapping
    hidden = torch.cat(parts, 1) @ first.weight.T * first.gain + first.bias * 0.01
    style = silu(hidden) @ second.weight.T * second.gain + second.bias * 0.01
    tokens, images = network.places.expand(3, -1, -1), 0
    assert len(network.images) == 2
    for block, shown in zip(network.blocks, network.images, strict=True):
        scale, gate, other_scale, other_gate = block.scales(silu(style))[:, None].unflatten(2, (4, 16)).unbind(2)
        tokens = tokens + gate * block.attention(rms(tokens) * (1 + scale))
        tokens = tokens + other_gate * block.feed_forward(rms(tokens) * (1 + other_scale))
        pixels = shown.linear(rms(tokens) * (1 + shown.scales(silu(style))[:, None]))
        rows = pixels.reshape(3, 4, 4, 3, 2, 2).permute(0, 3, 1, 4, 2, 5)  # (B, C, row, y, column, x)
        images = images + rows.reshape(3, 3, 8, 8)
    torch.testing.assert_close(network(latents, labels), images, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(9 * latents, labels), images, rtol=1e-4, atol=1e-4)  # on a sphere


def test_it_is_the_discriminator_of_the_paper():
    torch.manual_seed(0)
    network = TransformerDiscriminator(FACTS, **SMALL, conditioning="projection")
    images, labels = torch.randn(3, 3, 8, 8), torch.arange(3)
    patches = images.unflatten(3, (4, 2)).unflatten(2, (4, 2)).permute(0, 2, 4, 1, 3, 5).reshape(3, 16, 12)
    tokens = patches @ network.patches.weight.flatten(1).T + network.patches.bias + network.places
    tokens = torch.cat([network.token.expand(3, -1, -1), tokens], dim=1)
    for block in network.blocks:
        tokens = tokens + 0.1 * block.attention(rms(tokens))
        tokens = tokens + 0.1 * block.feed_forward(rms(tokens))
    features = rms(tokens[:, 0])
    expected = (network.head(features) * network.embedding(labels)).sum(1)
    output, found = network.forward_with_features(images, labels)
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found, features, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("depth", "seen"),
    [
        (1, [0]),
        (3, [0, 1, 2]),
        (4, [0, 1, 2, 3]),
        (5, [1, 2, 3, 4]),
        (6, [1, 2, 4, 5]),
        (9, [2, 4, 6, 8]),
        (12, [2, 5, 8, 11]),
    ],
)
def test_every_quarter_of_the_blocks_adds_an_image(depth, seen):
    with torch.device("meta"):
        network = TransformerGenerator(FACTS, 6, **(SMALL | {"depth": depth}))
    assert network.seen == seen
    assert len(network.images) == len(seen)


@pytest.mark.parametrize(("size", "patch", "channels"), [(8, 2, 1), (28, 4, 1), (32, 8, 3), (48, 16, 3)])
def test_any_size_that_patches_divide(size, patch, channels):
    facts, options = DataFacts("images", size, channels), SMALL | {"patch": patch}
    images = TransformerGenerator(facts, 6, **options)(torch.randn(2, 6))
    assert images.shape == (2, channels, size, size)
    discriminator = TransformerDiscriminator(facts, **options)
    discriminator(images).sum().backward()
    assert all(parameter.grad is not None for parameter in discriminator.parameters())


def test_no_image_depends_on_the_others():
    discriminator, images = TransformerDiscriminator(FACTS, **SMALL), torch.randn(4, 3, 8, 8)
    alone = torch.cat([discriminator(image[None]) for image in images])
    torch.testing.assert_close(discriminator(images), alone, rtol=1e-4, atol=1e-6)


def test_what_does_not_fit_is_refused():
    for network in (TransformerGenerator, TransformerDiscriminator):
        with pytest.raises(ConfigError, match="patches of 3 pixels do not divide the 8 of an image; 1, 2, 4 do"):
            network(FACTS, patch=3)
        with pytest.raises(ConfigError, match="100 is not a multiple of 4 x 6 heads"):
            network(FACTS, width=100)
        with pytest.raises(ConfigError, match="not points"):
            network(DataFacts("points", 1, 2), patch=1)
    with pytest.raises(ConfigError, match="labels"):
        TransformerGenerator(DataFacts("images", 8, 3), conditional=True)
    with pytest.raises(ConfigError, match="labels"):
        TransformerDiscriminator(DataFacts("images", 8, 3), conditioning="projection")
