"""Grid of random samples."""

from __future__ import annotations

import math

from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, cycle_labels, draw_latents, in_batches


class Grid(Sheet):
    """A square grid of samples, cycling through the classes if there are any. Points are dots of one image.

    Args:
        count: Number of samples.
    """

    def __init__(self, count: PositiveInt = 64) -> None:
        self.count = count

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet: uint8, ``(3, H, W)``."""
        latents, labels = draw_latents(generator, self.count, seed), cycle_labels(generator, self.count)
        columns = math.ceil(math.sqrt(self.count))
        return image_grid(in_batches(generator, latents, labels), columns, bits=generator.facts.bits)
