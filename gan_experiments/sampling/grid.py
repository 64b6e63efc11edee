"""Grid of random samples."""

from __future__ import annotations

import math

from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.grid_labels import class_columns, class_labels, label_columns
from gan_experiments.core.images import image_grid, is_points
from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, cycle_labels, draw_latents, in_batches


class Grid(Sheet):
    """A square grid of samples, or a column for each class if there are few. Points are dots of one image.

    Args:
        count: Number of samples.
    """

    def __init__(self, count: PositiveInt = 64) -> None:
        self.count = count

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet: uint8, ``(3, H, W)``."""
        latents, labels = draw_latents(generator, self.count, seed), cycle_labels(generator, self.count)
        by_class = 0 if labels is None else class_columns(self.count, generator.facts.num_classes)
        columns = by_class or math.ceil(math.sqrt(self.count))
        images = in_batches(generator, latents, labels)
        grid = image_grid(images, columns, bits=generator.facts.bits)
        if by_class and not is_points(images):
            return label_columns(grid, class_labels(range(columns), self.class_names))
        return grid
