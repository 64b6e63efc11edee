"""StyleGAN2 blocks, one per resolution (Karras et al. 2020, figure 7).

B: batch, C: channels, H, W: height and width, D: length of a style.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gan_experiments.networks.block import Block
from gan_experiments.networks.resample import Downsample, Upsample
from gan_experiments.networks.style_layers import EqualizedConv2d, ModulatedConv2d, activation

_HALF = math.sqrt(0.5)  # keeps the variance of a sum of two terms


class StyledLayer(nn.Module):
    """A modulated 3x3 convolution, then noise, bias and activation.

    In training the noise is drawn in every pass, from the global random state, which every step seeds. In evaluation it
    is one buffer drawn at initialization, so that images depend on latents and weights only.
    """

    noise: Tensor

    def __init__(self, fan_in: int, fan_out: int, size: tuple[int, int], style_dim: int, upsample: bool) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(fan_in, fan_out, 3, style_dim, upsample=upsample)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.register_buffer("noise", torch.randn(1, 1, *size))

    def forward(self, images: Tensor, styles: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` and styles ``(B, D)`` to the next layer."""
        images = self.convolution(images, styles)
        noise = torch.randn_like(images[:, :1]) if self.training else self.noise.to(images.dtype)
        return activation(images + noise * self.strength + self.bias[:, None, None]).to(images.dtype)


class ToImage(nn.Module):
    """A modulated 1x1 convolution to the channels of images, without demodulation."""

    def __init__(self, fan_in: int, channels: int, style_dim: int) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(fan_in, channels, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, images: Tensor, styles: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` and styles ``(B, D)`` to images, at least in float32 because they are summed up."""
        images = self.convolution(images, styles)
        return images.to(torch.promote_types(images.dtype, torch.float32)) + self.bias[:, None, None]


class SynthesisBlock(Block):
    """The layers of one resolution: one at the smallest, two at the others."""

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        size: tuple[int, int],
        style_dim: int,
        image_channels: int,
        first: bool,
        shortcut: bool,
    ) -> None:
        super().__init__()
        layers = [] if first else [StyledLayer(fan_in, fan_out, size, style_dim, upsample=True)]
        self.layers = nn.ModuleList([*layers, StyledLayer(fan_out, fan_out, size, style_dim, upsample=False)])
        has_shortcut = shortcut and not first
        self.shortcut = EqualizedConv2d(fan_in, fan_out, 1, bias=False) if has_shortcut else None
        self.to_image = ToImage(fan_out, image_channels, style_dim) if image_channels else None
        self.upsample = nn.Identity() if first else Upsample()

    def forward(self, maps: Tensor, image: Tensor | None, styles: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map feature maps, the image so far and styles ``(B, number of layers + 1, D)`` to the next resolution."""
        values = maps
        for index, layer in enumerate(self.layers):
            values = layer(values, styles[:, index])
        if self.shortcut is not None:
            values = (values + self.upsample(self.shortcut(maps))) * _HALF
        if self.to_image is not None:
            added = self.to_image(values, styles[:, len(self.layers)])
            image = added if image is None else self.upsample(image) + added
        return values, image


class DiscriminatorBlock(Block):
    """Two 3x3 convolutions, the second of which halves the feature maps."""

    def __init__(self, fan_in: int, fan_out: int, image_channels: int, shortcut: bool, skip: bool) -> None:
        super().__init__()
        self.from_image = EqualizedConv2d(image_channels, fan_in, 1) if image_channels else None
        self.first = EqualizedConv2d(fan_in, fan_in, 3)
        self.second = EqualizedConv2d(fan_in, fan_out, 3, downsample=True)
        self.shortcut = EqualizedConv2d(fan_in, fan_out, 1, bias=False) if shortcut else None
        self.downsample = Downsample() if shortcut or skip else nn.Identity()
        self.skip = skip

    def forward(self, maps: Tensor | None, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map feature maps and the image at one resolution to those at half of it."""
        maps = add_image(self.from_image, maps, image)
        values = activation(self.second(activation(self.first(maps))))
        if self.shortcut is not None:
            values = (values + self.shortcut(self.downsample(maps))) * _HALF
        return values, self.downsample(image) if self.skip else image


def add_image(from_image: nn.Module | None, maps: Tensor | None, image: Tensor) -> Tensor:
    """Return the feature maps so far plus those that ``from_image`` computes from the image at this resolution."""
    added = 0 if from_image is None else activation(from_image(image))
    total = added if maps is None else maps + added
    assert isinstance(total, Tensor)
    return total
