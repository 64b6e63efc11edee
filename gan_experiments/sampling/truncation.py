"""Less variety for more fidelity."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import PositiveFloat, PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, classes_in_turn, draw_latents, refuse_points


class Truncation(Sheet):
    """A row for each value of truncation, a column for each latent; the last row is not truncated.

    What a value means is the generator's: the edge of a truncated normal (Brock, Donahue & Simonyan 2019), or the share
    of a style's distance from the average style (Karras et al. 2019, appendix B).

    Args:
        count: Latents.
        values: Of truncation.
    """

    def __init__(self, count: PositiveInt = 10, values: Sequence[PositiveFloat] = (0.1, 0.25, 0.5, 0.75)) -> None:
        self.count = count
        self.values = values

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Draw: uint8, ``(3, H, W)``."""
        refuse_points(generator, "truncation")
        latents, labels = draw_latents(generator, self.count, seed), classes_in_turn(generator, self.count)
        rows = [generator.truncated(latents, value, labels) for value in self.values]
        return image_grid(torch.cat([*rows, generator(latents, labels)]), columns=self.count)
