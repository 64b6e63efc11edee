"""How much of two sets of samples lies in each other's neighbourhoods: precision, recall, density, coverage."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gan_experiments.metrics.functional.distances import squared_distances, squared_radii

_TIE = 1e-9  # relative; what is nearer than this to a radius lies on it


@dataclass(frozen=True)
class Manifold:
    """The four measures sample by sample; a value is the mean of its tensor.

    Attributes:
        precision: Whether a generated sample lies within the ball of any real one: float64, ``(M,)``.
        recall: Whether a real sample lies within the ball of any generated one: ``(N,)``.
        density: Balls of real samples around a generated one, by the number expected of real ones: ``(M,)``.
        coverage: Whether the ball of a real sample contains a generated one: ``(N,)``.
    """

    precision: Tensor
    recall: Tensor
    density: Tensor
    coverage: Tensor

    def values(self) -> dict[str, float]:
        """Return the four means by name."""
        return {name: samples.mean().item() for name, samples in vars(self).items()}


def manifold(real: Tensor, fake: Tensor, neighbours: int = 3, density_neighbours: int = 5) -> Manifold:
    """Compare two sets by balls around each sample that reach to its ``k``-th nearest neighbour in its own set.

    Precision and recall after Kynkäänniemi et al. 2019, equation 2, in closed balls; density and coverage after
    Naeem et al. 2020, equations 2 and 3, in open ones as in their code, so that a set has density 1 in itself.

    Memory: both sets, and 2^24 distances at a time.

    Args:
        real: Features: ``(N, D)``.
        fake: Features: ``(M, D)``.
        neighbours: ``k`` of precision and recall.
        density_neighbours: ``k`` of density and coverage.

    Raises:
        ValueError: One of the sets has no ``k``-th neighbours.
    """
    needed = max(neighbours, density_neighbours) + 1
    if min(len(real), len(fake)) < needed:
        raise ValueError(f"{needed - 1} neighbours need at least {needed} samples, not {min(len(real), len(fake))}")
    center = real.double().mean(0)
    closed, open_ = squared_radii(real, [neighbours, density_neighbours], center)
    (fake_closed,) = squared_radii(fake, [neighbours], center)
    closed, open_, fake_closed = closed * (1 + _TIE), open_ * (1 - _TIE), fake_closed * (1 + _TIE)
    precise, dense = [], []
    recalled = covered = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    for part, distances in squared_distances(fake, real, center):
        precise.append((distances <= closed).any(1))
        recalled = recalled | (distances <= fake_closed[part, None]).any(0)
        inside = distances < open_
        dense.append(inside.sum(1))
        covered = covered | inside.any(0)
    return Manifold(
        precision=torch.cat(precise).double(),
        recall=recalled.double(),
        density=torch.cat(dense).double() / density_neighbours,
        coverage=covered.double(),
    )
