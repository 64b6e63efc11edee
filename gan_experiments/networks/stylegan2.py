"""StyleGAN2 (Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN").

B: batch, C: channels, H, W: height and width, D: length of a style, L: number of layers with a style.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Discriminator
from gan_experiments.core.network_rules import check_groups
from gan_experiments.core.rules import option
from gan_experiments.core.types import DataFacts, Depth, Fraction, NonNegativeInt, Packing, PositiveFloat, Width
from gan_experiments.networks.conditioning import with_labels
from gan_experiments.networks.minibatch import MinibatchStd
from gan_experiments.networks.sizes import POWERS_OF_TWO, multiples
from gan_experiments.networks.style_blocks import DiscriminatorBlock, StyledLayer, SynthesisBlock, add_image
from gan_experiments.networks.style_generator import StyleGenerator
from gan_experiments.networks.style_layers import (
    EqualizedConv2d,
    EqualizedLinear,
    MappingNetwork,
    activation,
)

_DOUBLINGS = POWERS_OF_TWO | {28: 2}  # of feature maps, by image size


class StyleGAN2Generator(StyleGenerator):
    """Latents to styles through a mapping network, styles to images through modulated convolutions; no tanh at the end.

    At 1024 pixels with ``channels=32`` this is configuration F with 30,370,060 parameters.

    Args:
        facts: Size and channels of the images.
        latent_dim: Length of a latent vector.
        style_dim: Length of a style vector.
        channels: Channels of the layer nearest the image; they double with every halving of the size up to
            ``max_channels``.
        max_channels: Largest number of channels.
        mapping_layers: Layers of the mapping network.
        mapping_lr: Learning rate multiplier of the mapping network.
        form: ``skip``: the images of all resolutions are summed up; ``residual``: every block has a shortcut;
            ``plain``: neither (Karras et al. 2020, section 4.1).
        mixing: Probability of style mixing: a second latent gives the styles from a random layer on.
        conditional: Whether styles depend on a label as well.

    Raises:
        ConfigError: The image size is not supported, or the images have no labels to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(sorted(_DOUBLINGS))
    side_multiple = multiples(_DOUBLINGS)
    average_decay = 0.995  # the authors' settings

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 512,
        style_dim: Width = 512,
        channels: Width = 64,
        max_channels: Width = 512,
        mapping_layers: Depth = 8,
        mapping_lr: PositiveFloat = 0.01,
        form: Literal["skip", "residual", "plain"] = "skip",
        mixing: Fraction = 0.9,
        conditional: bool = False,
    ) -> None:
        super().__init__(facts, latent_dim, style_dim, mapping_layers, mapping_lr, conditional, mixing)
        widths = _widths(facts, channels, max_channels)
        self.constant = nn.Parameter(torch.randn(1, widths[0][1], *widths[0][0]))
        blocks, before = [], 0
        for size, width in widths:
            draws = facts.channels if form == "skip" or size == facts.shape[1:] else 0
            blocks.append(SynthesisBlock(before, width, size, style_dim, draws, not before, form == "residual"))
            before = width
        self.blocks = nn.ModuleList(blocks)
        self.num_styles = 2 * len(widths)

    def synthesize(self, styles: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map styles, one for all layers ``(B, D)`` or ``(B, L, D)``, to images ``(B, C, H, W)``."""
        styles = self.for_layers(styles)
        maps, image = self.constant.expand(styles.shape[0], -1, -1, -1), None
        for index, block in enumerate(self.blocks):  # of 1, 2, 2, ... layers
            maps, image = block(maps, image, styles[:, max(0, 2 * index - 1) :])
        assert isinstance(image, Tensor)
        return image

    def style_weight(self) -> Tensor:
        """Return the weights ``(F, D)`` of the styles of all convolutions and of the last image layer, for SeFa."""
        layers = [module.convolution.style for module in self.modules() if isinstance(module, StyledLayer)]
        layers.append(self.blocks[-1].to_image.convolution.style)  # type: ignore[union-attr, arg-type]
        return torch.cat([layer.weight * layer.gain for layer in layers])


class StyleGAN2Discriminator(Discriminator):
    """Images to logits through convolutions that halve the image; minibatch standard deviation before the last one.

    At 1024 pixels with ``channels=32`` this is configuration F with 29,012,513 parameters.

    Args:
        facts: Size and channels of the images.
        channels: Channels of the layer nearest the image; they double with every halving of the size up to
            ``max_channels``.
        max_channels: Largest number of channels.
        form: ``residual``: every block has a shortcut; ``skip``: every resolution gets the downsampled image;
            ``plain``: neither (Karras et al. 2020, section 4.1).
        group_size: Images per group of the minibatch standard deviation; 0: none.
        conditioning: ``projection``: the logit is the inner product of features and mapped label (Miyato & Koyama 2018;
            Karras et al. 2020, StyleGAN2-ADA).
        mapping_layers: Layers of the label's mapping network.
        mapping_lr: Learning rate multiplier of the mapping network.
        packing: Images that it sees at a time, joined along channels (Lin et al. 2018, PacGAN).

    Raises:
        ConfigError: The image size is not supported, or the images have no labels to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(sorted(_DOUBLINGS))
    side_multiple = multiples(_DOUBLINGS)

    def __init__(
        self,
        facts: DataFacts,
        channels: Width = 64,
        max_channels: Width = 512,
        form: Literal["residual", "skip", "plain"] = "residual",
        group_size: NonNegativeInt = 4,
        conditioning: Literal["none", "projection"] = "none",
        mapping_layers: Depth = 8,
        mapping_lr: PositiveFloat = 0.01,
        packing: Packing = 1,
    ) -> None:
        super().__init__(facts, packing)
        self.conditional = with_labels(facts, conditioning != "none")
        widths = _widths(facts, channels, max_channels)[::-1]
        blocks = []
        for (size, width), (_, after) in pairwise(widths):
            sees = self.input_channels if form == "skip" or size == facts.shape[1:] else 0
            blocks.append(DiscriminatorBlock(width, after, sees, form == "residual", form == "skip"))
        self.blocks = nn.ModuleList(blocks)
        end, last = widths[-1]
        self.from_image = EqualizedConv2d(self.input_channels, last, 1) if form == "skip" else None
        self.deviation = MinibatchStd(group_size) if group_size else nn.Identity()
        self.convolution = EqualizedConv2d(last + bool(group_size), last, 3)
        self.hidden = EqualizedLinear(last * end[0] * end[1], last)
        self.head = EqualizedLinear(last, last if self.conditional else 1)
        if self.conditional:
            self.mapping_network = MappingNetwork(0, facts.num_classes, last, mapping_layers, mapping_lr)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the last hidden layer ``(B, F)``; labels are not used."""
        images, maps = self.packed(images), None
        for block in self.blocks:
            maps, images = block(maps, images)
        maps = add_image(self.from_image, maps, images)
        maps = activation(self.convolution(self.deviation(maps)))
        return activation(self.hidden(maps.flatten(1)))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` and labels ``(B,)`` to logits ``(B,)``."""
        output: Tensor = self.head(self.features(images))
        if not self.conditional:
            return output.squeeze(1)
        product: Tensor = (output * self.mapping_network(None, labels)).sum(dim=1)
        return product / math.sqrt(output.shape[1])

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Warn of groups of images that several processes form differently."""
        yield from super().check(key, options, config)
        yield from check_groups(f"{key}.group_size", option(config, key, "group_size"), config)


def _widths(facts: DataFacts, channels: int, max_channels: int) -> list[tuple[tuple[int, int], int]]:
    """Return all resolutions, height and width, from the smallest to that of the image, each with its channels."""
    after = range(_DOUBLINGS[facts.shorter_side], -1, -1)  # remaining doublings
    return [((facts.height >> left, facts.width >> left), min(channels * 2**left, max_channels)) for left in after]
