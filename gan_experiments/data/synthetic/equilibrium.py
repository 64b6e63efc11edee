"""Data for which the equilibrium of a GAN is known: a point mass, and a Gaussian on a line or in the plane.

A point is an image of one pixel, float32 in [-1, 1]; its channels are the coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Interval, Len
from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts, Described, PositiveInt
from gan_experiments.data.base import ImageData

Spread = Annotated[float, Interval(gt=0, le=0.2)]  # five of them reach -1 and 1, where points are cut off
Spreads = Annotated[Sequence[Spread], Len(1, 2), Described("a list of one or two numbers in (0, 0.2]")]


class Dirac(ImageData):
    """A point mass at 0 on a line: the data of the Dirac-GAN (Mescheder, Geiger & Nowozin 2018, definition 2.1).

    Args:
        num_points: Number of points, all of them 0.
    """

    has_equilibrium: ClassVar[bool] = True
    has_labels: ClassVar[bool] = False

    def __init__(self, num_points: PositiveInt = 1000) -> None:
        super().__init__()
        self._count = num_points
        self.known = DataFacts("dirac", 1, 1, 0, num_points)
        self.equilibrium = torch.zeros(1, 1, dtype=torch.float64)

    def load(self) -> tuple[Tensor, None]:
        """Return the points: float32 ``(N, 1, 1, 1)``."""
        return torch.zeros(self._count, 1, 1, 1), None


class Gaussian(ImageData):
    """A Gaussian around 0 whose axes are the coordinates, a sample that is the same for every run.

    A linear generator of fewer latents than coordinates is to find the principal components (Feizi et al. 2017).

    Args:
        stds: Standard deviation along each axis, one or two, at most 0.2.
        components: How many principal components the equilibrium keeps: the number of latents of a linear generator.
        num_points: Number of points in the sample.
    """

    has_equilibrium: ClassVar[bool] = True
    has_labels: ClassVar[bool] = False

    def __init__(
        self, stds: Spreads = (0.2, 0.1), components: PositiveInt = 1, num_points: PositiveInt = 100000
    ) -> None:
        super().__init__()
        self._stds = torch.tensor(stds, dtype=torch.float64)
        self._count = num_points
        self.known = DataFacts("gaussian", 1, len(stds), 0, num_points)
        kept = self._stds.argsort(descending=True)[:components]
        self.equilibrium = torch.zeros(len(stds), len(stds), dtype=torch.float64)
        self.equilibrium[kept, kept] = self._stds[kept].square()

    def load(self) -> tuple[Tensor, None]:
        """Draw the points: float32 ``(N, D, 1, 1)``, with exactly the stated mean and covariance before rounding."""
        points = Stream("points", "gaussian").normal(self._count, len(self._stds)).double()
        points -= points.mean(0)
        root = torch.linalg.cholesky(points.T @ points / self._count)
        whitened = torch.linalg.solve_triangular(root, points.T, upper=False).T
        return (whitened * self._stds).float().clamp_(-1, 1).view(self._count, -1, 1, 1), None

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse more components than axes, and fewer points than have a covariance of full rank."""
        yield from super().check(key, options, config)
        stds, components = config.get(f"{key}.stds"), config.get(f"{key}.components")
        if isinstance(stds, list) and isinstance(components, int) and components > len(stds):
            yield Problem(f"{key}.components", f"{components} are more than the {len(stds)} axes of {key}.stds")
        points = config.get(f"{key}.num_points")
        if isinstance(stds, list) and isinstance(points, int) and points <= len(stds):
            yield Problem(f"{key}.num_points", f"{points} points have no covariance of full rank; take {len(stds) + 1}")
