"""BigGAN-deep (Brock, Donahue & Simonyan 2019, appendix B, tables 7 to 9): bottleneck blocks, two at each size.

B: batch, C: channels, H, W: height and width of a feature map.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from gan_experiments.core.contracts import Generator
from gan_experiments.core.precision import in_float32
from gan_experiments.core.types import DataFacts, Packing, Width
from gan_experiments.networks.block import Block
from gan_experiments.networks.conditioning import ConditionalDiscriminator, Conditioning, with_labels
from gan_experiments.networks.layers import (
    ConditionalBatchNorm2d,
    MakeMap,
    SelfAttention,
    downsample,
    draw_orthogonal,
    normalize_spectrally,
    upsample,
    vector_map,
)
from gan_experiments.networks.minibatch import Minibatch
from gan_experiments.networks.residual import SHARES, Attention, Plan, multiples_of

# 128 and 256: from the paper; 32 and 64: from the first author's code; 8, 16 and 28: that of 32 with one doubling less.
# The discriminator's widths begin with that of its first convolution.
PLANS = {
    8: Plan(2, (4, 4, 4), (4, 4, 4, 4), 2),
    16: Plan(4, (4, 4, 4), (4, 4, 4, 4), 2),
    28: Plan(7, (4, 4, 4), (4, 4, 4, 4), 2),
    32: Plan(4, (4, 4, 4, 4), (4, 4, 4, 4), 2),
    64: Plan(4, (16, 16, 8, 4, 2), (1, 2, 4, 8, 16), 4),
    128: Plan(4, (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5),
    256: Plan(4, (16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16), 6),
}
_RATIO = 4  # of the channels of a block to those inside


class DeepGeneratorBlock(Block):
    """A bottleneck block: 1x1, two 3x3 and a 1x1 convolution after a normalization each; the shortcut drops channels.

    Args:
        fan_in: Input channels.
        fan_out: Output channels, at most as many.
        make_map: For the normalizations; see ConditionalBatchNorm2d.
        doubles: Whether it doubles height and width.
    """

    def __init__(self, fan_in: int, fan_out: int, make_map: MakeMap, doubles: bool) -> None:
        super().__init__()
        hidden = max(1, fan_in // _RATIO)
        widths = [fan_in, hidden, hidden, hidden, fan_out]
        self.norms = nn.ModuleList(ConditionalBatchNorm2d(width, make_map) for width in widths[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(*pair, kernel, padding=kernel // 2)
            for pair, kernel in zip(pairwise(widths), (1, 3, 3, 1), strict=True)
        )
        self.fan_out = fan_out
        self.doubles = doubles

    def forward(self, maps: Tensor, condition: Tensor) -> Tensor:
        """Map ``(B, fan_in, H, W)`` and a condition to ``(B, fan_out, H, W)``, or twice the height and width."""
        residual = maps
        for index, (norm, convolution) in enumerate(zip(self.norms, self.convolutions, strict=True)):
            residual = relu(norm(residual, condition), inplace=True)
            residual = convolution(upsample(residual) if self.doubles and index == 1 else residual)
        kept = maps[:, : self.fan_out]
        return residual + (upsample(kept) if self.doubles else kept)


class DeepDiscriminatorBlock(Block):
    """A bottleneck block: 1x1, two 3x3 and a 1x1 convolution; the shortcut gets its further channels from a 1x1 one.

    Args:
        fan_in: Input channels.
        fan_out: Output channels, at least as many.
        halve: Whether it halves height and width.
    """

    def __init__(self, fan_in: int, fan_out: int, halve: bool) -> None:
        super().__init__()
        hidden = max(1, fan_out // _RATIO)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(*pair, kernel, padding=kernel // 2)
            for pair, kernel in zip(pairwise([fan_in, hidden, hidden, hidden, fan_out]), (1, 3, 3, 1), strict=True)
        )
        self.more = nn.Conv2d(fan_in, fan_out - fan_in, 1) if fan_out > fan_in else None
        self.halve = halve

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(B, fan_in, H, W)`` to ``(B, fan_out, H, W)`` or half the height and width."""
        residual = maps
        for convolution in self.convolutions[:-1]:
            residual = convolution(relu(residual))
        residual = relu(residual, inplace=True)
        if self.halve:
            maps, residual = downsample(maps), downsample(residual)
        shortcut = maps if self.more is None else torch.cat([maps, self.more(maps)], dim=1)
        result: Tensor = self.convolutions[-1](residual) + shortcut
        return result


class BigGANDeepGenerator(Generator):
    """Latents to images through bottleneck blocks, all conditioned on the whole latent and a class embedding.

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector.
        channels: Unit of width. At 64 pixels and more it is about that of the layer nearest the image; up to 32 pixels
            all layers have four times as many.
        embedding_dim: Length of the class embedding.
        attention: Size of the feature maps with self-attention, relative to the image.
        spectral_norm: Divide every weight except the embedding by its largest singular value.
        conditional: Whether it generates images of a given class.

    Raises:
        ConfigError: The image size is not supported, or the images have no labels to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(PLANS)
    side_multiple = multiples_of(PLANS)
    bounded = True

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 128,
        channels: Width = 128,
        embedding_dim: Width = 128,
        attention: Attention = "half",
        spectral_norm: bool = True,
        conditional: bool = False,
    ) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.conditional = with_labels(facts, conditional)
        plan = PLANS[facts.shorter_side]
        self.embedding = nn.Embedding(facts.num_classes, embedding_dim) if conditional else None
        length = latent_dim + embedding_dim * conditional
        widths = [channels * factor for factor in plan.generator]
        growth = facts.shorter_side // plan.start  # from the first feature maps to the image
        start = facts.height // growth, facts.width // growth
        self.project = nn.Linear(length, widths[0] * start[0] * start[1])
        self.unflatten = nn.Unflatten(1, (widths[0], *start))
        blocks: list[nn.Module] = []
        for depth, (fan_in, fan_out) in enumerate(pairwise(widths), start=1):
            blocks.append(DeepGeneratorBlock(fan_in, fan_in, vector_map(length), doubles=False))
            blocks.append(DeepGeneratorBlock(fan_in, fan_out, vector_map(length), doubles=True))
            if SHARES[attention] * 2**depth == growth:
                blocks.append(SelfAttention(fan_out))
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Sequential(
            nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True), nn.Conv2d(widths[-1], facts.channels, 3, padding=1)
        )
        draw_orthogonal(self)
        if spectral_norm:
            normalize_spectrally(self, embeddings=False)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)``, if conditional, to ``(B, C, H, W)`` in [-1, 1]."""
        condition = latents if self.embedding is None else torch.cat([self.embedding(labels), latents], dim=1)
        maps = self.unflatten(self.project(condition))
        for block in self.blocks:
            maps = block(maps) if isinstance(block, SelfAttention) else block(maps, condition)
        images: Tensor = self.last(maps)
        return images.tanh()

    def style_weight(self) -> Tensor:
        """Return the weight of the projection for the latent, without the class: ``(F, latent_dim)``."""
        return self.project.weight[:, -self.latent_dim :]


class BigGANDeepDiscriminator(ConditionalDiscriminator):
    """Images to logits through bottleneck blocks and a sum over the last feature map.

    Args:
        facts: Size, channels and classes of the images.
        channels: Unit of width. At 64 pixels and more it is that of the layer nearest the image; up to 32 pixels all
            layers have four times as many.
        attention: Size of the feature maps with self-attention, relative to the image.
        spectral_norm: Divide every weight by its largest singular value.
        conditioning: How it uses labels.
        packing: Images that it sees at a time, joined along channels (Lin et al. 2018, PacGAN).
        minibatch: What the output depends on of the other images of the batch.

    Raises:
        ConfigError: The image size is not supported, or the images have no labels to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(PLANS)
    side_multiple = multiples_of(PLANS)

    def __init__(
        self,
        facts: DataFacts,
        channels: Width = 128,
        attention: Attention = "half",
        spectral_norm: bool = True,
        conditioning: Conditioning = "none",
        packing: Packing = 1,
        minibatch: Minibatch = "none",
    ) -> None:
        super().__init__(facts, conditioning, packing, minibatch)
        plan = PLANS[facts.shorter_side]
        widths = [channels * factor for factor in plan.discriminator]
        layers: list[nn.Module] = [nn.Conv2d(self.input_channels + self.seen_classes, widths[0], 3, padding=1)]
        for depth, (fan_in, fan_out) in enumerate(pairwise(widths)):
            layers.append(DeepDiscriminatorBlock(fan_in, fan_out, halve=depth < plan.halvings))
            layers.append(DeepDiscriminatorBlock(fan_out, fan_out, halve=False))
            if depth < plan.halvings and SHARES[attention] == 2 ** (depth + 1):
                layers.append(SelfAttention(fan_out))
        self.layers = nn.Sequential(*layers)
        self.add_heads(widths[-1])
        draw_orthogonal(self)
        if spectral_norm:
            normalize_spectrally(self, embeddings=True)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the sum over the last feature map, ``(B, F)``; concatenation uses labels ``(B,)``."""
        maps: Tensor = self.layers(self.with_planes(images, labels))
        return relu(in_float32(maps)).sum(dim=(2, 3))
