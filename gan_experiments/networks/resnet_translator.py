"""Residual translator of CycleGAN and CUT."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Interval
from torch import Tensor, nn

from gan_experiments.core.randomness import Stream
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import ConfigError, DataFacts, Depth, Width
from gan_experiments.networks.translation_layers import BlurDownsample, BlurUpsample, Norm, initialize, norm_layer

_SMALLEST = 8  # pixels: maps of two pixels in the middle, the least that can be padded by reflection


class ResNetTranslator(Translator):
    """Two halvings, residual blocks, two doublings (Johnson et al. 2016; Zhu et al. 2017, section 7.1).

    Args:
        facts: Size and channels of inputs and images.
        channels: Of the layer nearest the image; four times as many in the middle.
        blocks: Residual blocks: 6 for 128 pixels, 9 for 256 and more.
        norm: Normalization.
        antialias: Resample with a blur (CUT) instead of strided and transposed convolutions (CycleGAN).
        init: Initial weights: normal (CycleGAN) or Xavier's (CUT).
    """

    multiple = 4
    side_multiple = 4

    def __init__(
        self,
        facts: DataFacts,
        channels: Width = 64,
        blocks: Annotated[Depth, Interval(ge=1)] = 9,
        norm: Norm = "instance",
        antialias: bool = False,
        init: Literal["normal", "xavier"] = "normal",
    ) -> None:
        super().__init__(facts)
        size = facts.shorter_side
        if size < _SMALLEST or size % self.multiple:
            sizes = f"multiples of {self.multiple} pixels from {_SMALLEST} on"
            raise ConfigError(f"model.generator: ResNetTranslator takes {sizes}; {facts.name} has {size}")
        bias = norm != "batch"  # batch norm has a shift of its own

        def after(width: int) -> list[nn.Module]:
            return [norm_layer(norm, width), nn.ReLU(inplace=True)]

        def down(width: int) -> list[nn.Module]:
            conv = nn.Conv2d(width, 2 * width, 3, 1 if antialias else 2, 1, bias=bias)
            return [conv, *after(2 * width), *([BlurDownsample()] if antialias else [])]

        def up(width: int) -> list[nn.Module]:
            if antialias:
                return [BlurUpsample(), nn.Conv2d(width, width // 2, 3, padding=1, bias=bias), *after(width // 2)]
            return [nn.ConvTranspose2d(width, width // 2, 3, 2, 1, output_padding=1, bias=bias), *after(width // 2)]

        middle = 4 * channels
        first = nn.Conv2d(self.input_channels, channels, 7, bias=bias)
        self.head = nn.Sequential(nn.ReflectionPad2d(3), first, *after(channels))
        self.down = nn.ModuleList(nn.Sequential(*down(width)) for width in (channels, 2 * channels))
        self.blocks = nn.ModuleList(_Block(middle, norm, bias) for _ in range(blocks))
        self.up = nn.Sequential(*up(middle), *up(2 * channels))
        self.tail = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(channels, facts.channels, 7), nn.Tanh())
        self._widths = [self.input_channels, 2 * channels, middle, middle, middle]
        initialize(self, init)

    def forward(self, images: Tensor, rng: Stream | None = None) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, C, H, W)``; height and width are multiples of 4."""
        maps = self.head(images)
        for layer in (*self.down, *self.blocks):
            maps = layer(maps)
        translated: Tensor = self.tail(self.up(maps))
        return translated

    def feature_channels(self) -> list[int]:
        """Return the channels of the maps that ``encode`` returns."""
        return list(self._widths)

    def encode(self, images: Tensor) -> list[Tensor]:
        """Return the padded image, the outputs of both halving convolutions, and of the first and the middle block.

        Those are the layers 0, 4, 8, 12 and 16 of the network with nine blocks (Park et al. 2020, appendix C).
        """
        maps = self.head[0](images)
        features = [maps]
        maps = self.head[1:](maps)
        for layer in self.down:
            assert isinstance(layer, nn.Sequential)
            features.append(layer[0](maps))
            maps = layer[1:](features[-1])
        middle = len(self.blocks) // 2
        for index, block in enumerate(self.blocks[: middle + 1]):
            maps = block(maps)
            if index in (0, middle):
                features.append(maps)
        return features if middle else [*features, maps]


class _Block(nn.Module):
    """Two 3x3 convolutions beside the identity."""

    def __init__(self, width: int, norm: Norm, bias: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for activation in (nn.ReLU(inplace=True), nn.Identity()):
            conv = nn.Conv2d(width, width, 3, bias=bias)
            layers += [nn.ReflectionPad2d(1), conv, norm_layer(norm, width), activation]
        self.layers = nn.Sequential(*layers)

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = maps + self.layers(maps)
        return result
