"""What lies between two latents."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.sampling.base import Sheet, classes_in_turn, draw_latents, refuse_points, repeated

_PARALLEL = 1e-6  # sine of an angle below which two latents span no arc


class Interpolation(Sheet):
    """A row for each pair of latents, from the one to the other; a conditional generator keeps the class of a row.

    Args:
        count: Pairs.
        steps: Images in a row, both ends included.
        path: ``spherical``: along the arc between them, where the normal's samples lie (Shoemake 1985; White 2016);
            ``linear``: along the line, through the middle, where they hardly ever do.
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
        """Draw: uint8, ``(3, H, W)``."""
        refuse_points(generator, "interpolation")
        first, last = draw_latents(generator, 2 * self.count, seed).chunk(2)
        places = torch.linspace(0, 1, self.steps, device=first.device)[None, :, None]
        between = (spherical if self.path == "spherical" else torch.lerp)(first[:, None], last[:, None], places)
        labels = repeated(classes_in_turn(generator, self.count), self.steps)
        return image_grid(generator(between.flatten(0, 1), labels), columns=self.steps)


def spherical(first: Tensor, last: Tensor, place: Tensor) -> Tensor:
    """Return points at ``place`` in [0, 1] of the arc from ``first`` to ``last``, vectors of the last dimension.

    Where the two are parallel there is no arc, and the line takes its place.
    """
    cosine = torch.cosine_similarity(first, last, dim=-1).unsqueeze(-1)
    angle = torch.acos(cosine.clamp(-1, 1))
    sine = torch.sin(angle)
    arc = (torch.sin((1 - place) * angle) * first + torch.sin(place * angle) * last) / sine
    return torch.where(sine > _PARALLEL, arc, torch.lerp(first, last, place))
