"""Points in the plane from distributions that are written down: what a generator misses can be counted.

A point is an image of one pixel with two channels, float32, and lies in [-1, 1].
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from annotated_types import Interval
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts, PositiveFloat, PositiveInt
from gan_experiments.data.base import ImageData

EXTENT = 0.8  # of the centres, so that their surroundings lie within [-1, 1] as well
NEAR = 3.0  # standard deviations within which a point may be real (Srivastava et al. 2017; Lin et al. 2018)

Modes = Annotated[int, Interval(ge=2)]


class Mixture:
    """Gaussians of equal weight and one width; a cell is a mode.

    Args:
        centers: ``(K, 2)``.
        std: Standard deviation in each direction.
    """

    def __init__(self, centers: Tensor, std: float) -> None:
        self.num_cells = len(centers)
        self._centers = centers
        self._std = std

    def assign_modes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest mode of each point ``(B, 2, 1, 1)``, and whether it is within three deviations."""
        distances, nearest = torch.cdist(images.flatten(1).double(), self._centers.to(images.device)).min(1)
        return nearest, distances <= NEAR * self._std

    def draw(self, count: int, stream: Stream) -> tuple[Tensor, Tensor]:
        """Draw points ``(count, 2)`` and their modes ``(count,)``."""
        modes = stream.integers(self.num_cells, count)
        return self._centers[modes] + self._std * stream.normal(count, 2), modes


class Roll:
    """A spiral with Gaussian noise; its cells are equal parts of the angle.

    Args:
        cells: How many.
        std: Standard deviation of the noise in each direction.
    """

    _STEPS = 100  # points of the curve per cell that distances are measured from

    def __init__(self, cells: int, std: float) -> None:
        self.num_cells = cells
        self._std = std
        middles = (torch.arange(cells * self._STEPS, dtype=torch.float64) + 0.5) / (cells * self._STEPS)
        self._curve = _spiral(middles)

    def assign_modes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest part of each point ``(B, 2, 1, 1)``, and whether it is within three deviations."""
        distances, nearest = torch.cdist(images.flatten(1).double(), self._curve.to(images.device)).min(1)
        return nearest // self._STEPS, distances <= NEAR * self._std

    def draw(self, count: int, stream: Stream) -> tuple[Tensor, Tensor]:
        """Draw points ``(count, 2)`` and their parts ``(count,)``."""
        place = stream.uniform(count).double()
        points = _spiral(place) + self._std * stream.normal(count, 2)
        return points, (place * self.num_cells).long()


class Points(ImageData):
    """A fixed sample of a distribution in the plane, the same for every run; labels are the cells."""

    has_known_distribution: ClassVar[bool] = True
    known_distribution: Mixture | Roll

    def __init__(self, name: str, distribution: Mixture | Roll, num_points: int) -> None:
        super().__init__()
        self.known_distribution = distribution
        self._name = name
        self._count = num_points

    @property
    def facts(self) -> DataFacts:
        """One pixel, two channels: the coordinates."""
        return DataFacts(self._name, 1, 2, self.known_distribution.num_cells, self._count)

    def load(self) -> tuple[Tensor, Tensor]:
        """Draw the points: float32 ``(N, 2, 1, 1)``, labels ``(N,)``."""
        points, cells = self.known_distribution.draw(self._count, Stream("points", self._name))
        return points.float().clamp_(-1, 1).view(-1, 2, 1, 1), cells


class Ring(Points):
    """Gaussians on a circle (Metz et al. 2017; figures as in Lin et al. 2018, PacGAN).

    Args:
        modes: How many.
        std: Standard deviation over the circle's radius.
        num_points: Size of the sample.
    """

    def __init__(self, modes: Modes = 8, std: PositiveFloat = 0.01, num_points: PositiveInt = 100000) -> None:
        angles = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)
        centers = EXTENT * torch.stack([angles.cos(), angles.sin()], dim=1)
        super().__init__("ring", Mixture(centers, EXTENT * std), num_points)


class Grid(Points):
    """Gaussians on a square grid (figures as in Lin et al. 2018, PacGAN).

    Args:
        side: Modes in a row; there are ``side * side``.
        std: Standard deviation over half the grid's width.
        num_points: Size of the sample.
    """

    def __init__(self, side: Modes = 5, std: PositiveFloat = 0.0125, num_points: PositiveInt = 100000) -> None:
        places = torch.linspace(-EXTENT, EXTENT, side, dtype=torch.float64)
        super().__init__("grid", Mixture(torch.cartesian_prod(places, places), EXTENT * std), num_points)


class SwissRoll(Points):
    """A spiral of one and a half turns with noise (Gulrajani et al. 2017, figure 1).

    Args:
        cells: Equal parts of its angle that coverage is counted in.
        std: Standard deviation of the noise over the spiral's outer radius.
        num_points: Size of the sample.
    """

    def __init__(self, cells: Modes = 20, std: PositiveFloat = 0.02, num_points: PositiveInt = 100000) -> None:
        super().__init__("swiss_roll", Roll(cells, EXTENT * std), num_points)


def _spiral(place: Tensor) -> Tensor:
    """Return the points ``(N, 2)`` at ``place`` in [0, 1) of the spiral."""
    angle = 1.5 * math.pi * (1 + 2 * place)
    return (EXTENT * angle / (4.5 * math.pi)).unsqueeze(1) * torch.stack([angle.cos(), angle.sin()], dim=1)
