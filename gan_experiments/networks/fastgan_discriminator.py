"""Discriminator of FastGAN (Liu et al. 2021), whose features small decoders reconstruct images from.

B: batch, C: channels, S: size of a feature map in pixels, s: of a reconstruction.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Discriminator, DiscriminatorOutput
from gan_experiments.core.network_rules import check_gradients_of_samples
from gan_experiments.core.types import DataFacts, Packing, Width
from gan_experiments.networks.block import Block
from gan_experiments.networks.fastgan import SIZES, Excitation, UpBlock, initialize, sizes_of, widths_of
from gan_experiments.networks.layers import normalize_spectrally

_END = 8  # size of the last feature maps
_LARGEST = 256  # of the feature maps after the first layers
# Channels by the size of a feature map, as multiples of ``channels``.
_FACTORS = {4: 16, 8: 8, 16: 4, 32: 2, 64: 1, 128: 1 / 2, 256: 1 / 4, 512: 1 / 8}


class DownBlock(Block):
    """Halving, as the mean of two ways: two convolutions, and average pooling with a 1x1 convolution."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *_normalized(nn.Conv2d(fan_in, fan_out, 4, stride=2, padding=1, bias=False)),
            *_normalized(nn.Conv2d(fan_out, fan_out, 3, padding=1, bias=False)),
        )
        self.direct = nn.Sequential(*_normalized(nn.Conv2d(fan_in, fan_out, 1, bias=False)))

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(B, fan_in, S, S)`` to ``(B, fan_out, S / 2, S / 2)``."""
        result: Tensor = (self.main(maps) + self.direct(avg_pool2d(maps, 2))) / 2
        return result


class FastGANDiscriminator(Discriminator):
    """Images to two maps of 5x5 logits, of the image and of a copy of half the size, at most 128 pixels.

    ``penalty=reconstruction`` trains its decoders, which make small images of the features of both, and of a quarter of
    the maps of 16x16 that part of the image (section 3.2).

    Args:
        facts: Size and channels of the images.
        channels: Channels of the feature maps of 64 pixels; smaller maps have more.
        packing: Images that it sees at a time, joined along channels (Lin et al. 2018, PacGAN).

    Raises:
        ConfigError: The image size is not supported.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = SIZES

    def __init__(self, facts: DataFacts, channels: Width = 64, packing: Packing = 1) -> None:
        super().__init__(facts, packing)
        width = widths_of(channels, _FACTORS)
        size = sizes_of(facts, _END)[-1]
        largest, self.small_size = min(size, _LARGEST), min(size, _LARGEST) // 2
        self.first = nn.Sequential(*_first_layers(self.input_channels, size, width))
        sizes = sizes_of(facts, _END)[:-1][::-1]
        self.blocks = nn.ModuleDict({str(end): DownBlock(width[2 * end], width[end]) for end in sizes if end < largest})
        excited = [end for end in (32, 16, 8) if 8 * end <= largest]
        self.excitations = nn.ModuleDict({str(end): Excitation(width[8 * end], width[end]) for end in excited})
        self.head = nn.Sequential(
            *_normalized(nn.Conv2d(width[_END], width[4], 1, bias=False)), nn.Conv2d(width[4], 1, 4, bias=False)
        )
        half = self.small_size // 2
        layers: list[nn.Module] = [nn.Conv2d(self.input_channels, width[2 * half], 4, stride=2, padding=1, bias=False)]
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        while half > _END:
            down = nn.Conv2d(width[2 * half], width[half], 4, stride=2, padding=1, bias=False)
            layers, half = [*layers, *_normalized(down)], half // 2
        self.small = nn.Sequential(*layers)
        self.small_head = nn.Conv2d(width[16], 1, 4, bias=False)
        self.shapes = [(width[16], 16, 16), (width[8], 8, 8), (width[16], 8, 8)]
        self.decoders = nn.ModuleList(
            nn.Sequential(*_decoder(shape[0], self.input_channels, max(1, channels // 2), self.small_size))
            for shape in self.shapes
        )
        initialize(self)
        normalize_spectrally(self, embeddings=True)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the maps that decoders start from, flattened: ``(B, F)``; labels are not used."""
        images = self.packed(images)
        maps = self.first(images)
        large = {maps.shape[-1]: maps}
        for size, block in self.blocks.items():
            maps = block(maps)
            if size in self.excitations:
                maps = maps * self.excitations[size](large[8 * int(size)])
            large[int(size)] = maps
        small = self.small(interpolate(images, size=self.small_size))
        return torch.cat([each.flatten(1) for each in (large[16], maps, small)], dim=1)

    def forward_with_features(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Return logits ``(B, 2, 5, 5)`` and the features ``(B, F)`` they were computed from."""
        features = self.features(images)
        _, last, small = self._maps(features)
        return DiscriminatorOutput(torch.cat([self.head(last), self.small_head(small)], dim=1), features)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` in [-1, 1] to logits ``(B, 2, 5, 5)``; labels are not used."""
        return self.forward_with_features(images).output

    def reconstruct(self, features: Tensor, images: Tensor, quarters: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return reconstructions of images from their features, each with what it should be: ``(B, C, s, s)``.

        Args:
            features: ``(B, F)``, of the images.
            images: ``(B, C, H, W)``, or as many more as make a pack.
            quarters: Which quarter of each image, or pack of images, to reconstruct as well, 0 to 3: ``(B,)``.
        """
        images = self.packed(images)
        middle, last, small = self._maps(features)
        whole = interpolate(images, size=self.small_size)
        part = interpolate(_quarter(images, quarters), size=self.small_size)
        inputs = (_quarter(middle, quarters), last, small)
        made = [decoder(each) for decoder, each in zip(self.decoders, inputs, strict=True)]
        return list(zip(made, (part, whole, whole), strict=True))

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Warn of decoders that nothing trains, and of penalties on the gradient of each image."""
        yield from super().check(key, options, config)
        yield from check_gradients_of_samples(key, "another penalty", config, "batch norm")
        if not any(getattr(penalty, "reconstructs", False) for penalty in config.components("penalty").values()):
            yield Problem(key, "no penalty trains its decoders; take penalty=reconstruction", warning=True)

    def _maps(self, features: Tensor) -> list[Tensor]:
        """Return the feature maps that ``features`` are made of."""
        parts = torch.split(features, [math.prod(shape) for shape in self.shapes], dim=1)
        return [torch.unflatten(part, 1, shape) for part, shape in zip(parts, self.shapes, strict=True)]


def _quarter(maps: Tensor, quarters: Tensor) -> Tensor:
    """Return one quarter of each map: ``(B, C, S, S)`` to ``(B, C, S / 2, S / 2)``."""
    size, samples = maps.shape[-1] // 2, torch.arange(len(maps), device=maps.device)
    parts = maps.reshape(*maps.shape[:2], 2, size, 2, size)
    return parts[samples, :, quarters // 2, :, quarters % 2]


def _first_layers(channels: int, size: int, width: Mapping[int, int]) -> list[nn.Module]:
    """Return the layers from the image to feature maps of at most 256 pixels."""
    if size <= _LARGEST:
        return [nn.Conv2d(channels, width[size], 3, padding=1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    halved = nn.Conv2d(channels, width[size // 2], 4, stride=2, padding=1, bias=False)
    layers: list[nn.Module] = [halved, nn.LeakyReLU(0.2, inplace=True)]
    if size // 2 > _LARGEST:
        layers += _normalized(nn.Conv2d(width[size // 2], width[_LARGEST], 4, stride=2, padding=1, bias=False))
    return layers


def _decoder(fan_in: int, channels: int, base: int, size: int) -> Iterator[nn.Module]:
    """Yield the layers of a decoder from maps of 8x8 to images of ``size`` pixels."""
    width, start = {**widths_of(base), _END: fan_in}, _END
    while start < size:
        yield UpBlock(width[start], width[2 * start], 2 * start, 1, None)
        start *= 2
    yield nn.Conv2d(width[start], channels, 3, padding=1, bias=False)
    yield nn.Tanh()


def _normalized(convolution: nn.Conv2d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(convolution.out_channels), nn.LeakyReLU(0.2, inplace=True)]
