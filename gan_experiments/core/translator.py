"""The contract of translators: networks from images to images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.network_rules import check_image_size, refuse_size
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts


class Translator(nn.Module):
    """A network from images of one domain to images of another, of the same size.

    Attributes:
        provided: Constructor arguments that the program passes; a config cannot set them.
        image_sizes: Image sizes in pixels that it can be trained on, of rectangles the shorter side; ``None`` for any.
        side_multiple: What the longer side of rectangles must be a multiple of: one number, or one for each shorter
            side; ``None``: it is trained on squares only.
        input_channels: Channels of the images it starts from.
        multiple: Height and width of its input must be multiples of this many pixels.
        any_size: Whether it takes larger images than it was trained on; otherwise these are translated in tiles.
    """

    provided: ClassVar[tuple[str, ...]] = ("facts",)
    image_sizes: ClassVar[tuple[int, ...] | None] = None
    side_multiple: ClassVar[int | Mapping[int, int] | None] = None
    architecture: Mapping[str, Any]
    multiple: int = 1
    any_size: bool = True

    def __init__(self, facts: DataFacts) -> None:
        super().__init__()
        if facts.input_channels is None:
            raise ConfigError(f"model: {type(self).__name__} translates images; {facts.name} has no inputs")
        if facts.image_size == 1:
            raise ConfigError(f"model: {type(self).__name__} translates images; {facts.name} has points")
        refuse_size(type(self), facts)
        self.facts = facts
        self.input_channels = facts.input_channels

    def forward(self, images: Tensor, rng: Stream | None = None) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, C, H, W)``, both in [-1, 1].

        Args:
            images: The inputs.
            rng: Source of the noise that the network may add, such as dropout; ``None``: no noise.
        """
        raise NotImplementedError

    def feature_channels(self) -> list[int]:
        """Return the channels of each of the maps that ``encode`` returns; empty if it has no ``encode``."""
        return []

    def encode(self, images: Tensor) -> list[Tensor]:
        """Return feature maps ``(B, C_i, H_i, W_i)`` of images like its inputs, from the image to the middle."""
        raise NotImplementedError

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse images of a size that does not fit."""
        yield from check_image_size(key, cls.image_sizes, config)
