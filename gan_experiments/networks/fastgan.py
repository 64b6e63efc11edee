"""Generator of FastGAN (Liu et al. 2021): blocks with gated linear units, and skip-layer excitation.

B: batch, C: channels, S: size of a feature map in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import glu

from gan_experiments.core.contracts import Generator
from gan_experiments.core.types import DataFacts, Width
from gan_experiments.networks.block import Block
from gan_experiments.networks.conditioning import with_labels
from gan_experiments.networks.layers import (
    ConditionalBatchNorm2d,
    MakeMap,
    draw_weights,
    normalize_spectrally,
    upsample,
)

SIZES = (32, 64, 128, 256, 512, 1024)
Form = Literal["original", "projected", "lite"]

_START = 4  # size of the first feature maps
# Channels by the size of a feature map, as multiples of ``channels``.
_FACTORS = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 1 / 2, 512: 1 / 4, 1024: 1 / 8}


class UpBlock(Block):
    """Upsampling, then one or two of: 3x3 convolution, noise if there are two, batch norm, gated linear unit.

    In training the noise is drawn in every pass, from the global random state, which every step seeds. In evaluation it
    is constant.

    Args:
        fan_in: Input channels.
        fan_out: Output channels.
        size: Height and width of the output.
        convolutions: How many, 1 or 2.
        make_map: For the normalizations; see ConditionalBatchNorm2d.
    """

    noise: Tensor

    def __init__(self, fan_in: int, fan_out: int, size: int, convolutions: int, make_map: MakeMap | None) -> None:
        super().__init__()
        widths = [fan_in, fan_out][:convolutions]
        self.convolutions = nn.ModuleList(nn.Conv2d(width, 2 * fan_out, 3, padding=1, bias=False) for width in widths)
        self.norms = nn.ModuleList(ConditionalBatchNorm2d(2 * fan_out, make_map) for _ in widths)
        self.strengths = nn.Parameter(torch.zeros(2)) if convolutions == 2 else None
        if convolutions == 2:
            self.register_buffer("noise", torch.randn(1, 1, size, size))

    def forward(self, maps: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map ``(B, fan_in, S, S)`` to ``(B, fan_out, 2S, 2S)``."""
        maps = upsample(maps)
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            maps = convolution(maps)
            if self.strengths is not None:
                noise = torch.randn_like(maps[:, :1]) if self.training else self.noise.to(maps.dtype)
                maps = maps + self.strengths[index].to(maps.dtype) * noise
            maps = glu(norm(maps, condition), dim=1)
        return maps


class Excitation(nn.Sequential):
    """Skip-layer excitation: a small feature map to factors in [0, 1] of the channels of a large one (section 3.1).

    Args:
        fan_in: Channels of the small one, which is at least 4x4.
        fan_out: Channels of the large one.
    """

    def __init__(self, fan_in: int, fan_out: int) -> None:
        first, last = nn.Conv2d(fan_in, fan_out, 4, bias=False), nn.Conv2d(fan_out, fan_out, 1, bias=False)
        super().__init__(nn.AdaptiveAvgPool2d(4), first, nn.SiLU(), last, nn.Sigmoid())


class FastGANGenerator(Generator):
    """Latents to images: doubling blocks with gated linear units, and excitation of large maps by small ones.

    From 64 pixels on, maps of 64 to 512 pixels are excited by those of a 16th of their size; at 32 pixels there is no
    excitation. The authors' second output, of 128 pixels, is left out: the discriminator scales images down.

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector.
        channels: Channels of the feature maps of 128 pixels; smaller maps have more.
        form: ``original``: every other block has two convolutions, tanh at the end. ``projected`` (Sauer et al. 2021):
            all of them do, latents are scaled to unit mean square, no tanh; ``lite``: the same with one convolution.
        conditional: Whether an embedding of the class makes the gains and shifts of the normalizations, as in Sauer's.

    Raises:
        ConfigError: The image size is not supported, or the images have no labels to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = SIZES

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 256,
        channels: Width = 64,
        form: Form = "original",
        conditional: bool = False,
    ) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.conditional = with_labels(facts, conditional)
        self.form = form
        self.bounded = form == "original"
        width = widths_of(channels)
        sizes = sizes_of(facts, _START)
        self.embedding = nn.Embedding(facts.num_classes, latent_dim) if conditional else None
        make_map: MakeMap | None = (lambda fan_out: nn.Linear(latent_dim, fan_out)) if conditional else None
        first = nn.ConvTranspose2d(latent_dim, 2 * width[_START], _START, bias=False)
        self.first = nn.Sequential(first, nn.BatchNorm2d(2 * width[_START]), nn.GLU(dim=1))
        convolutions = {"original": (2, 1), "projected": (2, 2), "lite": (1, 1)}[form]  # in every other block
        self.blocks = nn.ModuleDict(
            {
                str(size): UpBlock(width[size // 2], width[size], size, convolutions[depth % 2], make_map)
                for depth, size in enumerate(sizes[1:])
            }
        )
        excited = [size for size in sizes if 16 * _START <= size < SIZES[-1]]
        self.excitations = nn.ModuleDict({str(size): Excitation(width[size // 16], width[size]) for size in excited})
        self.last = nn.Conv2d(width[sizes[-1]], facts.channels, 3, padding=1, bias=form != "original")
        if form == "original":
            initialize(self)
        normalize_spectrally(self, embeddings=False)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)``, if conditional, to ``(B, C, H, W)``, about in [-1, 1]."""
        if self.form != "original":
            latents = latents * (latents.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        condition = None if self.embedding is None else self.embedding(labels)
        maps = self.first(latents[:, :, None, None])
        small = {_START: maps}
        for size, block in self.blocks.items():
            maps = block(maps, condition)
            if size in self.excitations:
                maps = maps * self.excitations[size](small[int(size) // 16])
            small[int(size)] = maps
        images: Tensor = self.last(maps)
        return images.tanh() if self.form == "original" else images

    def style_weight(self) -> Tensor:
        """Return the weight of the first layer: ``(F, latent_dim)``."""
        weight: Tensor = self.first[0].weight  # type: ignore[assignment]
        return weight.flatten(1).mT


def widths_of(channels: int, factors: Mapping[int, float] = _FACTORS) -> dict[int, int]:
    """Return the channels of feature maps by their size."""
    return {size: max(1, int(factor * channels)) for size, factor in factors.items()}


def sizes_of(facts: DataFacts, start: int) -> list[int]:
    """Return the sizes of feature maps from ``start`` to the image, which is a square."""
    return [start * 2**depth for depth in range((facts.height // start).bit_length())]


def initialize(network: nn.Module) -> None:
    """Draw weights of convolutions from N(0, 0.02) and gains of normalizations from N(1, 0.02), as the authors do."""
    draw_weights(network, kinds=(nn.Conv2d, nn.ConvTranspose2d), gains=True)
