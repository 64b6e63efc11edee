"""A grid of samples."""

from __future__ import annotations

import math

from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, classes_in_turn, draw_latents


class Grid(Sheet):
    """Samples in rows; the classes in turn, if the generator is conditional. Points are dots of one picture.

    Args:
        count: How many.
    """

    def __init__(self, count: PositiveInt = 64) -> None:
        self.count = count

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Draw: uint8, ``(3, H, W)``."""
        latents, labels = draw_latents(generator, self.count, seed), classes_in_turn(generator, self.count)
        return image_grid(generator(latents, labels), columns=math.ceil(math.sqrt(self.count)))
