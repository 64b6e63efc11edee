"""Truncation: less diversity for more fidelity."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.grid_labels import class_labels, label_columns, label_rows
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import PositiveFloat, PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, cycle_labels, draw_latents, in_batches, refuse_points

_MARGIN = 96  # pixels, for the values


class Truncation(Sheet):
    """A row for each truncation value, named beside it, a column for each latent; the last row is not truncated.

    The generator defines the meaning of a value: the bound of a truncated normal distribution (Brock, Donahue &
    Simonyan 2019), or the factor of a style's distance from the average style (Karras et al. 2019, appendix B).

    Args:
        count: Number of latents.
        values: Truncation values.
    """

    def __init__(self, count: PositiveInt = 10, values: Sequence[PositiveFloat] = (0.1, 0.25, 0.5, 0.75)) -> None:
        self.count = count
        self.values = values

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet: uint8, ``(3, H, W)``."""
        refuse_points(generator, "truncation")
        latents, labels = draw_latents(generator, self.count, seed), cycle_labels(generator, self.count)
        rows = [in_batches(_truncated(generator, value), latents, labels) for value in self.values]
        images = torch.cat([*rows, in_batches(generator, latents, labels)])
        grid = image_grid(images, columns=self.count, bits=generator.facts.bits)
        texts = [*(f"truncated {value:g}" for value in self.values), "not truncated"]
        named = label_rows(grid, texts, width=_MARGIN)
        if labels is None:
            return named
        return label_columns(named, class_labels(labels.tolist(), self.class_names), width=grid.shape[2])


def _truncated(generator: Generator, value: float) -> Callable[[Tensor, Tensor | None], Tensor]:
    return lambda latents, labels: generator.truncated(latents, value, labels)
