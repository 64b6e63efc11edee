import pytest
import torch
from awake import parameters, wake
from torch import nn
from torch.nn import functional

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.biggan_deep import (
    BigGANDeepDiscriminator,
    BigGANDeepGenerator,
    DeepDiscriminatorBlock,
    DeepGeneratorBlock,
)
from gan_experiments.networks.layers import SelfAttention, vector_map


@pytest.mark.parametrize(
    ("size", "attention", "counts"),
    [(128, "half", (50_244_484, 34_590_210)), (256, "quarter", (55_736_708, 38_247_426))],
)
def test_parameters_are_those_of_the_authors(size, attention, counts, monkeypatch):
    """ajbrock/BigGAN-PyTorch, BigGANdeep.py, with 1,000 classes, channels, latents and embedding of 128."""
    monkeypatch.setattr(nn.init, "orthogonal_", lambda weight: weight)
    facts, options = DataFacts("images", size, 3, 1000), {"attention": attention, "spectral_norm": False}
    with torch.device("meta"):
        generator = BigGANDeepGenerator(facts, conditional=True, **options)
        discriminator = BigGANDeepDiscriminator(facts, conditioning="projection", **options)
    assert (parameters(generator), parameters(discriminator)) == counts


@pytest.mark.parametrize("double", [False, True])
def test_a_block_of_the_generator_is_that_of_figure_16(double):
    torch.manual_seed(0)
    block = wake(DeepGeneratorBlock(8, 4, vector_map(3), double))
    maps, condition = torch.randn(2, 8, 5, 5), torch.randn(2, 3)

    def active(values, norm):
        mean, variance = (each[:, None, None] for each in (norm.running_mean, norm.running_var))
        gain, shift = (linear(condition)[:, :, None, None] for linear in (norm.gain, norm.shift))
        return ((values - mean) / (variance + norm.eps).sqrt() * (1 + gain) + shift).clamp(min=0)

    def grown(values):
        return values.repeat_interleave(2, 2).repeat_interleave(2, 3) if double else values

    first, second, third, fourth = block.convolutions
    values = functional.conv2d(active(maps, block.norms[0]), first.weight, first.bias)
    values = functional.conv2d(grown(active(values, block.norms[1])), second.weight, second.bias, padding=1)
    values = functional.conv2d(active(values, block.norms[2]), third.weight, third.bias, padding=1)
    values = functional.conv2d(active(values, block.norms[3]), fourth.weight, fourth.bias)
    assert first.out_channels == 2
    torch.testing.assert_close(block(maps, condition), values + grown(maps[:, :4]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("halve", [False, True])
def test_a_block_of_the_discriminator_is_that_of_figure_16(halve):
    torch.manual_seed(0)
    block, maps = DeepDiscriminatorBlock(4, 8, halve), torch.randn(2, 4, 6, 6)

    def shrunk(values):
        return (values[..., ::2, :] + values[..., 1::2, :]).unflatten(3, (3, 2)).mean(4) / 2 if halve else values

    first, second, third, fourth = block.convolutions
    values = functional.conv2d(maps.clamp(min=0), first.weight, first.bias)
    values = functional.conv2d(values.clamp(min=0), second.weight, second.bias, padding=1)
    values = functional.conv2d(values.clamp(min=0), third.weight, third.bias, padding=1)
    values = functional.conv2d(shrunk(values.clamp(min=0)), fourth.weight, fourth.bias)
    pooled = shrunk(maps)
    shortcut = torch.cat([pooled, functional.conv2d(pooled, block.more.weight, block.more.bias)], dim=1)
    torch.testing.assert_close(block(maps), values + shortcut, rtol=1e-5, atol=1e-5)


def test_two_blocks_at_each_size_and_attention_between_them():
    facts = DataFacts("images", 32, 3)
    generator = BigGANDeepGenerator(facts, channels=2)
    assert [getattr(block, "doubles", "attention") for block in generator.blocks] == [
        False, True, False, True, "attention", False, True
    ]  # fmt: skip
    discriminator = BigGANDeepDiscriminator(facts, channels=2, attention="quarter")
    kinds = [getattr(layer, "halve", type(layer)) for layer in discriminator.layers[1:]]
    assert kinds == [True, False, True, False, SelfAttention, False, False]


def test_every_block_sees_the_class_and_the_whole_latent():
    torch.manual_seed(0)
    generator = BigGANDeepGenerator(DataFacts("images", 8, 3, 4), 12, 2, embedding_dim=5, conditional=True)
    seen = []
    for block in generator.blocks:
        if isinstance(block, DeepGeneratorBlock):
            block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    latents, labels = torch.randn(2, 12), torch.tensor([3, 1])
    generator(latents, labels)
    expected = torch.cat([generator.embedding.weight[labels], latents], dim=1)
    assert len(seen) == 4
    assert all(torch.equal(condition, expected) for condition in seen)


def test_a_size_that_does_not_fit_is_refused():
    for network in (BigGANDeepGenerator, BigGANDeepDiscriminator):
        with pytest.raises(ConfigError, match="8, 16, 28, 32, 64, 128, 256; images has 48"):
            network(DataFacts("images", 48, 3))
