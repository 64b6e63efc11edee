"""A transformer GAN in pixel space, after GAT (Hyun et al. 2025, "Scalable GANs with transformers").

B: batch, T: tokens, one for each patch of an image, W: width of a token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, silu

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Discriminator, DiscriminatorOutput, Generator
from gan_experiments.core.types import DataFacts, Depth, Packing, PositiveInt, Width
from gan_experiments.networks.block import Block
from gan_experiments.networks.conditioning import with_labels
from gan_experiments.networks.style_layers import EqualizedLinear, unit_length
from gan_experiments.networks.transformer_blocks import (
    Attention,
    FeedForward,
    check_transformer,
    initialize,
    places,
    side_of,
)

_LR = 0.01  # learning rate multiplier of mapping networks
_START = 0.1  # initial size of what a block adds to its input
_EPSILON = 1e-6


class GeneratorBlock(Block):
    """Attention and a feed-forward network whose inputs and outputs a style scales (Peebles & Xie 2023, adaLN)."""

    def __init__(self, width: int, heads: int, side: int, fused: bool) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width, elementwise_affine=False, eps=_EPSILON)
        self.attention = Attention(width, heads, side, fused)
        self.feed_forward = FeedForward(width)
        self.scales = nn.Linear(width, 4 * width)

    def forward(self, tokens: Tensor, style: Tensor) -> Tensor:
        """Map ``(B, T, W)`` and styles ``(B, W)`` to the shape of the tokens."""
        scale, gate, other_scale, other_gate = self.scales(silu(style))[:, None].chunk(4, dim=2)
        tokens = tokens + gate * self.attention(self.norm(tokens) * (1 + scale))
        result: Tensor = tokens + other_gate * self.feed_forward(self.norm(tokens) * (1 + other_scale))
        return result


class ToPatches(nn.Module):
    """Tokens, scaled by a style, to the pixels of their patches."""

    def __init__(self, width: int, patch: int, channels: int, side: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width, elementwise_affine=False, eps=_EPSILON)
        self.linear = nn.Linear(width, channels * patch**2)
        self.scales = nn.Linear(width, width)
        self.patch, self.side = patch, side

    def forward(self, tokens: Tensor, style: Tensor) -> Tensor:
        """Map ``(B, T, W)`` and styles ``(B, W)`` to images ``(B, C, H, W)``."""
        pixels: Tensor = self.linear(self.norm(tokens) * (1 + self.scales(silu(style))[:, None]))
        return pixel_shuffle(torch.unflatten(pixels.mT, 2, (self.side, self.side)), self.patch)


class TransformerGenerator(Generator):
    """Latents to images: a style scales the blocks of a transformer over fixed codes of places.

    After every quarter of the blocks, rounded up, an image is added to the result, after each of fewer than four; there
    is no tanh at the end.

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector.
        width: Width of a token; a multiple of four times ``heads``.
        depth: Number of blocks.
        heads: Attention heads.
        patch: Height and width of a patch in pixels.
        fused: Whether fused kernels compute attention in training too; they cannot be differentiated twice.
        conditional: Whether an embedding of the class joins the latent.

    Raises:
        ConfigError: Patches or heads do not fit, or the images have no labels to condition on.
    """

    places: Tensor

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 64,
        width: Width = 384,
        depth: Depth = 12,
        heads: PositiveInt = 6,
        patch: PositiveInt = 4,
        fused: bool = False,
        conditional: bool = False,
    ) -> None:
        super().__init__(facts)
        side = side_of(facts, width, heads, patch)
        self.latent_dim = latent_dim
        self.conditional = with_labels(facts, conditional)
        self.embedding = nn.Embedding(facts.num_classes, latent_dim) if conditional else None
        length = latent_dim * (1 + conditional)
        self.mapping = nn.Sequential(
            EqualizedLinear(length, width, lr_multiplier=_LR),
            nn.SiLU(),
            EqualizedLinear(width, width, lr_multiplier=_LR),
        )
        self.register_buffer("places", places(width, side), persistent=False)
        self.blocks = nn.ModuleList(GeneratorBlock(width, heads, side, fused) for _ in range(depth))
        self.seen = sorted({(quarter * depth + 3) // 4 - 1 for quarter in range(1, 5)})  # the last block among them
        self.images = nn.ModuleList(ToPatches(width, patch, facts.channels, side) for _ in self.seen)
        initialize(self)
        for block in (*self.blocks, *self.images):
            nn.init.xavier_uniform_(block.scales.weight, gain=_START)

    def styles(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the output of the mapping network: ``(B, W)``."""
        parts = [unit_length(latents)]
        if self.embedding is not None:
            parts.insert(0, unit_length(self.embedding(labels)))
        style: Tensor = self.mapping(torch.cat(parts, dim=1))
        return style

    def synthesize(self, styles: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map styles ``(B, W)`` to images."""
        tokens = self.places.expand(len(styles), -1, -1)
        images: Tensor | float = 0.0
        shown = dict(zip(self.seen, self.images, strict=True))
        for index, block in enumerate(self.blocks):
            tokens = block(tokens, styles)
            images = images + shown[index](tokens, styles) if index in shown else images
        assert isinstance(images, Tensor)
        return images

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)``, if conditional, to ``(B, C, H, W)``, about in [-1, 1]."""
        return self.synthesize(self.styles(latents, labels))

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse patches and heads that do not fit, and second derivatives of fused attention."""
        yield from super().check(key, options, config)
        yield from check_transformer(key, config, generator=True)


class DiscriminatorBlock(Block):
    """Attention and a feed-forward network, each scaled by small learned factors before it is added."""

    def __init__(self, width: int, heads: int, side: int, fused: bool) -> None:
        super().__init__()
        self.norm, self.other_norm = (nn.RMSNorm(width, eps=_EPSILON) for _ in range(2))
        self.attention = Attention(width, heads, side, fused)
        self.feed_forward = FeedForward(width)
        self.gate, self.other_gate = (nn.Parameter(torch.full((width,), _START)) for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, T, W)`` to the same shape."""
        tokens = tokens + self.attention(self.norm(tokens)) * self.gate
        result: Tensor = tokens + self.feed_forward(self.other_norm(tokens)) * self.other_gate
        return result


class TransformerDiscriminator(Discriminator):
    """Images to logits: a transformer over patches and a token of its own, which the logit is computed from.

    Args:
        facts: Size, channels and classes of the images.
        width: Width of a token; a multiple of four times ``heads``.
        depth: Number of blocks.
        heads: Attention heads.
        patch: Height and width of a patch in pixels.
        fused: Whether fused kernels compute attention in training too; they cannot be differentiated twice.
        conditioning: ``projection``: the logit is the inner product with a mapped embedding of the class.
        packing: Images that it sees at a time, joined along channels (Lin et al. 2018, PacGAN).

    Raises:
        ConfigError: Patches or heads do not fit, or the images have no labels to condition on.
    """

    places: Tensor

    def __init__(
        self,
        facts: DataFacts,
        width: Width = 384,
        depth: Depth = 12,
        heads: PositiveInt = 6,
        patch: PositiveInt = 4,
        fused: bool = False,
        conditioning: Literal["none", "projection"] = "none",
        packing: Packing = 1,
    ) -> None:
        super().__init__(facts, packing)
        side = side_of(facts, width, heads, patch)
        self.conditional = with_labels(facts, conditioning != "none")
        self.patches = nn.Conv2d(self.input_channels, width, patch, stride=patch)
        self.register_buffer("places", places(width, side), persistent=False)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.blocks = nn.ModuleList(DiscriminatorBlock(width, heads, side, fused) for _ in range(depth))
        self.norm = nn.RMSNorm(width, eps=_EPSILON)
        self.head = nn.Linear(width, width if self.conditional else 1)
        self.embedding: nn.Module | None = None
        if self.conditional:
            layers = [EqualizedLinear(width, width, lr_multiplier=_LR) for _ in range(2)]
            self.embedding = nn.Sequential(nn.Embedding(facts.num_classes, width), layers[0], nn.SiLU(), layers[1])
        initialize(self)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the normalized token that the logit is computed from: ``(B, W)``."""
        tokens = self.patches(self.packed(images)).flatten(2).mT + self.places
        tokens = torch.cat([self.token.expand(len(tokens), -1, -1).to(tokens.dtype), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        features: Tensor = self.norm(tokens[:, 0])
        return features

    def forward_with_features(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Return logits ``(B,)`` and the features ``(B, W)`` they were computed from."""
        features = self.features(images)
        output: Tensor = self.head(features)
        output = output.squeeze(1) if self.embedding is None else (output * self.embedding(labels)).sum(dim=1)
        return DiscriminatorOutput(output, features)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` in [-1, 1] and labels ``(B,)``, if conditional, to logits ``(B,)``."""
        return self.forward_with_features(images, labels).output

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse patches and heads that do not fit, and second derivatives of fused attention."""
        yield from super().check(key, options, config)
        yield from check_transformer(key, config, generator=False)
