"""Interpolation between pairs of latents, spherical or linear."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.grid_labels import class_labels, label_rows
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, cycle_labels, draw_latents, in_batches, refuse_points, repeat_labels

_PARALLEL = 1e-6  # sine of the angle below which two latents count as parallel


class Interpolation(Sheet):
    """A row for each pair of latents, from the first to the second; all images of a row have one class.

    Args:
        count: Number of pairs.
        steps: Images in a row, both ends included.
        path: ``spherical``: along the great arc, which keeps the norm that samples of a normal distribution have
            (Shoemake 1985; White 2016); ``linear``: along the line, whose middle has a smaller norm.
    """

    def __init__(
        self,
        count: PositiveInt = 8,
        steps: Annotated[int, Interval(ge=2)] = 10,
        path: Literal["spherical", "linear"] = "spherical",
    ) -> None:
        self.count = count
        self.steps = steps
        self.path = path

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet: uint8, ``(3, H, W)``."""
        refuse_points(generator, "interpolation")
        first, last = draw_latents(generator, 2 * self.count, seed).chunk(2)
        positions = torch.linspace(0, 1, self.steps, device=first.device)[None, :, None]
        between = (slerp if self.path == "spherical" else torch.lerp)(first[:, None], last[:, None], positions)
        labels = cycle_labels(generator, self.count)
        images = in_batches(generator, between.flatten(0, 1), repeat_labels(labels, self.steps))
        grid = image_grid(images, columns=self.steps, bits=generator.facts.bits)
        return grid if labels is None else label_rows(grid, class_labels(labels.tolist(), self.class_names))


def slerp(first: Tensor, last: Tensor, position: Tensor) -> Tensor:
    """Return the spherical interpolation of vectors, along the last dimension (Shoemake 1985).

    Parallel vectors are interpolated linearly.

    Args:
        first: Vectors at position 0: ``(..., D)``.
        last: Vectors at position 1: ``(..., D)``.
        position: In [0, 1]: ``(..., 1)``.
    """
    cosine = torch.cosine_similarity(first, last, dim=-1).unsqueeze(-1)
    angle = torch.acos(cosine.clamp(-1, 1))
    sine = torch.sin(angle)
    arc = (torch.sin((1 - position) * angle) * first + torch.sin(position * angle) * last) / sine
    return torch.where(sine > _PARALLEL, arc, torch.lerp(first, last, position))
