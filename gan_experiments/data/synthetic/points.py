"""Points in the plane from known distributions: ring and grid of Gaussians, Swiss roll.

A point is an image of one pixel with two channels, float32 in [-1, 1].
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

EXTENT = 0.8  # of the centres, so that the noise around them stays in [-1, 1]
NEAR = 3.0  # standard deviations within which a point counts as real (Srivastava et al. 2017; Lin et al. 2018)

Modes = Annotated[int, Interval(ge=2, le=1000)]  # every point is compared with every mode


class GaussianMixture:
    """Mixture of isotropic Gaussians of equal width; each is a cell.

    Args:
        centers: Means: ``(K, 2)``.
        std: Standard deviation in each direction.
        drawn: Numbers of the Gaussians, each as often as its weight: ``(W,)``; ``None``: each once.
    """

    def __init__(self, centers: Tensor, std: float, drawn: Tensor | None = None) -> None:
        self.num_cells = len(centers)
        self.weights = None if drawn is None else drawn.bincount() * (len(centers) / len(drawn))
        self._centers = centers
        self._std = std
        self._drawn = torch.arange(len(centers)) if drawn is None else drawn

    def assign_modes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest Gaussian of each point ``(B, 2, 1, 1)``, and whether it is within three deviations."""
        distances, nearest = torch.cdist(images.flatten(1).double(), self._centers.to(images.device)).min(1)
        return nearest, distances <= NEAR * self._std

    def draw(self, count: int, stream: Stream) -> tuple[Tensor, Tensor]:
        """Draw points ``(count, 2)`` and the Gaussians they come from, ``(count,)``."""
        modes = self._drawn[stream.integers(len(self._drawn), count)]
        return self._centers[modes] + self._std * stream.normal(count, 2), modes


class NoisySpiral:
    """Spiral with Gaussian noise, ``std`` in each direction; its cells are equal intervals of the angle."""

    weights: Tensor | None = None
    _STEPS = 100  # points of the curve per cell, to which distances are measured

    def __init__(self, cells: int, std: float) -> None:
        self.num_cells = cells
        self._std = std
        middles = (torch.arange(cells * self._STEPS, dtype=torch.float64) + 0.5) / (cells * self._STEPS)
        self._curve = _spiral(middles)

    def assign_modes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest cell of each point ``(B, 2, 1, 1)``, and whether it is within three deviations."""
        distances, nearest = torch.cdist(images.flatten(1).double(), self._curve.to(images.device)).min(1)
        return nearest // self._STEPS, distances <= NEAR * self._std

    def draw(self, count: int, stream: Stream) -> tuple[Tensor, Tensor]:
        """Draw points ``(count, 2)`` and their cells ``(count,)``."""
        position = stream.uniform(count).double()
        points = _spiral(position) + self._std * stream.normal(count, 2)
        return points, (position * self.num_cells).long()


class Points(ImageData):
    """Base class: a sample of a known distribution in the plane, the same for every run; labels are the cells."""

    has_known_distribution: ClassVar[bool] = True
    known_distribution: GaussianMixture | NoisySpiral

    def __init__(self, name: str, distribution: GaussianMixture | NoisySpiral, num_points: int) -> None:
        super().__init__()
        self.known_distribution = distribution
        self._name = name
        self._count = num_points
        self.known = DataFacts(name, 1, 2, distribution.num_cells, num_points)

    def load(self) -> tuple[Tensor, Tensor]:
        """Draw the points: float32 ``(N, 2, 1, 1)``, labels ``(N,)``."""
        points, cells = self.known_distribution.draw(self._count, Stream("points", self._name))
        return points.float().clamp_(-1, 1).view(-1, 2, 1, 1), cells


class Ring(Points):
    """Ring of Gaussians (Metz et al. 2017; parameters of Lin et al. 2018, PacGAN).

    Args:
        modes: Number of Gaussians.
        std: Standard deviation divided by the radius of the ring.
        num_points: Number of points in the sample.
        first_twice: Whether the first Gaussian has twice the weight of the others. The code of Metz et al. 2017 has
            seven such ones: it places eight at equal steps from 0 to 2 pi, both included.
    """

    def __init__(
        self, modes: Modes = 8, std: PositiveFloat = 0.01, num_points: PositiveInt = 100000, first_twice: bool = False
    ) -> None:
        angles = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)
        centers = EXTENT * torch.stack([angles.cos(), angles.sin()], dim=1)
        drawn = torch.arange(modes + 1) % modes if first_twice else None
        super().__init__("ring", GaussianMixture(centers, EXTENT * std, drawn), num_points)


class Grid(Points):
    """Square grid of Gaussians (parameters of Lin et al. 2018, PacGAN).

    Args:
        side: Number of Gaussians per row and column.
        std: Standard deviation divided by half the width of the grid.
        num_points: Number of points in the sample.
    """

    def __init__(self, side: Modes = 5, std: PositiveFloat = 0.0125, num_points: PositiveInt = 100000) -> None:
        line = torch.linspace(-EXTENT, EXTENT, side, dtype=torch.float64)
        super().__init__("grid", GaussianMixture(torch.cartesian_prod(line, line), EXTENT * std), num_points)


class SwissRoll(Points):
    """Swiss roll: a noisy spiral of one and a half turns (Gulrajani et al. 2017, figure 1).

    Args:
        cells: Number of equal intervals of the angle, in which coverage is counted.
        std: Standard deviation of the noise divided by the outer radius of the spiral.
        num_points: Number of points in the sample.
    """

    def __init__(self, cells: Modes = 20, std: PositiveFloat = 0.02, num_points: PositiveInt = 100000) -> None:
        super().__init__("swiss_roll", NoisySpiral(cells, EXTENT * std), num_points)


def _spiral(position: Tensor) -> Tensor:
    """Return the points ``(N, 2)`` of the spiral at positions ``(N,)`` in [0, 1)."""
    angle = 1.5 * math.pi * (1 + 2 * position)
    return (EXTENT * angle / (4.5 * math.pi)).unsqueeze(1) * torch.stack([angle.cos(), angle.sin()], dim=1)
