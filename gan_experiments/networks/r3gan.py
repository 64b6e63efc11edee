"""R3GAN (Huang et al. 2024, "The GAN is dead; long live the GAN!"): grouped residual blocks without normalization.

B: batch, C: channels, H, W: height and width, E: length of a label's embedding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Discriminator, Generator
from gan_experiments.core.rules import image_size, option
from gan_experiments.core.types import ConfigError, DataFacts, Depth, Packing, Width
from gan_experiments.networks.block import Block
from gan_experiments.networks.conditioning import with_labels
from gan_experiments.networks.resample import Downsample, Upsample
from gan_experiments.networks.sizes import POWERS_OF_TWO, multiples, smallest_maps

_SLOPE = 0.2
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))  # keeps the variance of normal values through LeakyReLU(0.2)
_DOUBLINGS = POWERS_OF_TWO | {28: 2}  # of feature maps, by image size


class ResidualBlock(Block):
    """``x + f(x)`` with an inverted bottleneck ``f``: 1x1 to more channels, grouped 3x3, 1x1 back, LeakyReLU between.

    Instead of normalization, the first two convolutions are initialized such that all blocks together keep the
    variance, and the last one at 0 (Zhang, Dauphin & Ma 2019, Fixup): every block starts as the identity.

    Args:
        channels: Input and output channels.
        expansion: Channels inside the block, as a multiple of those.
        group_width: Channels per group of the 3x3 convolution; fewer channels form one group.
        depth: Residual blocks in the network.

    Raises:
        ConfigError: The channels do not divide into groups.
    """

    def __init__(self, channels: int, expansion: int, group_width: int, depth: int) -> None:
        super().__init__()
        inner = channels * expansion
        group_width = min(group_width, inner)
        if inner % group_width:
            raise ConfigError(f"model: {channels} channels x {expansion} do not divide into groups of {group_width}")
        gain = _GAIN * depth**-0.25  # 3 layers: -1 / (2 * 3 - 2)
        self.expand = _drawn(nn.Conv2d(channels, inner, 1), gain)
        self.grouped = _drawn(nn.Conv2d(inner, inner, 3, padding=1, groups=inner // group_width), gain)
        self.reduce = _drawn(nn.Conv2d(inner, channels, 1, bias=False), 0.0)

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        values = leaky_relu(self.expand(maps), _SLOPE, inplace=True)
        values = leaky_relu(self.grouped(values), _SLOPE, inplace=True)
        total: Tensor = maps + self.reduce(values)
        return total


class GeneratorBasis(nn.Module):
    """The smallest feature maps: one learned map per channel, scaled by a linear function of the latents."""

    def __init__(self, latent_dim: int, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(1, channels, *size))
        self.linear = _drawn(nn.Linear(latent_dim, channels, bias=False))

    def forward(self, latents: Tensor) -> Tensor:
        """Map ``(B, latent_dim)`` to ``(B, C, *size)``."""
        scales: Tensor = self.linear(latents)
        return self.basis * scales[:, :, None, None]


class R3GANGenerator(Generator):
    """Latents to images: a basis, then residual blocks at each size and upsampling between; no tanh at the end.

    The published CIFAR-10 model, of 20.78 million parameters, has ``channels=768 max_channels=768 conditional=true``.

    Args:
        facts: Size and channels of the images.
        latent_dim: Length of a latent vector.
        channels: Channels of the stage nearest the image; they double with every halving of the size up to
            ``max_channels``.
        max_channels: Largest number of channels.
        blocks: Residual blocks at each size.
        expansion: Channels inside a block, as a multiple of its stage's.
        group_width: Channels per group of the 3x3 convolutions; fewer channels form one group.
        conditional: Whether a label embedding is concatenated to the latents.

    Raises:
        ConfigError: The image size is not supported, channels do not divide into groups, or there are no labels.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(sorted(_DOUBLINGS))
    side_multiple = multiples(_DOUBLINGS)

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 64,
        channels: Width = 32,
        max_channels: Width = 768,
        blocks: Depth = 2,
        expansion: Width = 2,
        group_width: Width = 16,
        conditional: bool = False,
    ) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.conditional = with_labels(facts, conditional)
        start, widths = _widths(facts, channels, max_channels)
        depth = blocks * len(widths)
        self.embedding = _embedding(facts, latent_dim) if conditional else None
        layers: list[nn.Module] = []
        for index, width in enumerate(widths):
            if index == 0:
                layers.append(GeneratorBasis(latent_dim * (1 + conditional), width, start))
            else:
                layers += [*_change(widths[index - 1], width), Upsample()]
            layers += [ResidualBlock(width, expansion, group_width, depth) for _ in range(blocks)]
        layers.append(_drawn(nn.Conv2d(widths[-1], facts.channels, 1, bias=False)))
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)`` to images ``(B, C, H, W)``, about in [-1, 1]."""
        if self.embedding is not None:
            latents = torch.cat([latents, self.embedding(labels)], dim=1)
        images: Tensor = self.layers(latents)
        return images

    def style_weight(self) -> Tensor:
        """Return the weight of the basis for the latent, without the class: ``(F, latent_dim)``."""
        weight: Tensor = self.layers[0].linear.weight  # type: ignore[union-attr, assignment]
        return weight[:, : self.latent_dim]

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse channels that do not divide into groups, at any of the sizes."""
        yield from super().check(key, options, config)
        yield from _check_groups(key, config)


class R3GANDiscriminator(Discriminator):
    """Images to logits: residual blocks at each size and downsampling between, then a weighted sum over each map.

    The published CIFAR-10 model, of 21.28 million parameters, has ``channels=768 max_channels=768`` and is conditional.

    Args:
        facts: Size and channels of the images.
        channels: Channels of the stage nearest the image; they double with every halving of the size up to
            ``max_channels``.
        max_channels: Largest number of channels.
        blocks: Residual blocks at each size.
        expansion: Channels inside a block, as a multiple of its stage's.
        group_width: Channels per group of the 3x3 convolutions; fewer channels form one group.
        conditioning: ``projection``: the logit is the inner product of features and label embedding.
        packing: Images that it sees at a time, joined along channels (Lin et al. 2018, PacGAN).

    Raises:
        ConfigError: The image size is not supported, channels do not divide into groups, or there are no labels.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(sorted(_DOUBLINGS))
    side_multiple = multiples(_DOUBLINGS)

    def __init__(
        self,
        facts: DataFacts,
        channels: Width = 32,
        max_channels: Width = 768,
        blocks: Depth = 2,
        expansion: Width = 2,
        group_width: Width = 16,
        conditioning: Literal["none", "projection"] = "none",
        packing: Packing = 1,
    ) -> None:
        super().__init__(facts, packing)
        self.conditional = with_labels(facts, conditioning != "none")
        end, widths = _widths(facts, channels, max_channels)
        depth, widths = blocks * len(widths), widths[::-1]
        layers: list[nn.Module] = [_drawn(nn.Conv2d(self.input_channels, widths[0], 1, bias=False))]
        for index, width in enumerate(widths):
            if index:
                layers += [Downsample(), *_change(widths[index - 1], width)]
            layers += [ResidualBlock(width, expansion, group_width, depth) for _ in range(blocks)]
        last = widths[-1]
        basis = _drawn(nn.Conv2d(last, last, end, groups=last, bias=False))
        self.layers = nn.Sequential(*layers, basis, nn.Flatten())
        self.head = _drawn(nn.Linear(last, last if self.conditional else 1, bias=False))
        self.embedding = _embedding(facts, last, 1 / math.sqrt(last)) if self.conditional else None

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the sums over the last maps, ``(B, F)``; labels are not used."""
        features: Tensor = self.layers(self.packed(images))
        return features

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` and labels ``(B,)`` to logits ``(B,)``."""
        output: Tensor = self.head(self.features(images))
        return output.squeeze(1) if self.embedding is None else (output * self.embedding(labels)).sum(dim=1)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse channels that do not divide into groups, at any of the sizes."""
        yield from super().check(key, options, config)
        yield from _check_groups(key, config)


def _drawn(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    """Initialize the weights of a layer from N(0, gain^2 / fan-in) and its bias with 0."""
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(fan_in))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _embedding(facts: DataFacts, size: int, gain: float = 1.0) -> nn.Embedding:
    embedding = nn.Embedding(facts.num_classes, size)
    nn.init.normal_(embedding.weight, 0.0, gain / math.sqrt(facts.num_classes))
    return embedding


def _change(before: int, after: int) -> list[nn.Module]:
    """Return the 1x1 convolution between stages with different channels."""
    return [] if before == after else [_drawn(nn.Conv2d(before, after, 1, bias=False))]


def _widths(facts: DataFacts, channels: int, max_channels: int) -> tuple[tuple[int, int], list[int]]:
    """Return the smallest size, and the channels of each stage from there to the image."""
    doublings = _DOUBLINGS[facts.shorter_side]
    widths = [min(channels * 2**stage, max_channels) for stage in range(doublings, -1, -1)]
    return smallest_maps(facts, doublings), widths


def _check_groups(key: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse the first width of the network at which the channels of a block do not divide into groups."""
    names = ("channels", "max_channels", "expansion", "group_width")
    channels, most, expansion, group = (option(config, key, name) for name in names)
    if not all(isinstance(value, int) for value in (channels, most, expansion, group)):
        return
    doublings = _DOUBLINGS.get(image_size(config) or 0, max(_DOUBLINGS.values()))
    for stage in range(doublings + 1):
        width = min(channels * 2**stage, most)
        if width * expansion > group and width * expansion % group:
            name = "max_channels" if width == most else "channels"
            stages = "" if width in (channels, most) else f"{channels} channels become {width}: "
            text = f"{stages}{width} x {expansion} does not divide into groups of {group}"
            yield Problem(f"{key}.{name}", f"{text}; multiples of {group // math.gcd(group, expansion)} do")
            return
