"""Grid of random samples."""

from __future__ import annotations

import math

from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.grid_labels import class_labels, columns_per_class, in_class_columns, label_columns
from gan_experiments.core.images import image_grid, is_points
from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, cycle_labels, draw_latents, in_batches


class Grid(Sheet):
    """A square grid of samples, with columns for each class if there are few. Points are dots of one image.

    Args:
        count: Number of samples.
    """

    def __init__(self, count: PositiveInt = 64) -> None:
        self.count = count

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet: uint8, ``(3, H, W)``."""
        latents, labels = draw_latents(generator, self.count, seed), cycle_labels(generator, self.count)
        classes = 0 if labels is None else generator.facts.num_classes
        images, per_class = in_batches(generator, latents, labels), columns_per_class(self.count, classes)
        if not per_class or is_points(images):
            return image_grid(images, math.ceil(math.sqrt(self.count)), bits=generator.facts.bits)
        images = in_class_columns(images, classes, per_class)
        grid = image_grid(images, classes * per_class, bits=generator.facts.bits)
        return label_columns(grid, class_labels(range(classes), self.class_names))
