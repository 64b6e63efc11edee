"""Improved precision and recall, density and coverage, from nearest neighbours in feature space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gan_experiments.metrics.functional.distances import squared_distances, squared_radii

_TIE = 1e-9  # relative; a distance this close to a radius counts as equal to it


@dataclass(frozen=True)
class PRDCScores:
    """Precision, recall, density and coverage of each sample; the score of a set is the mean over its samples.

    Attributes:
        precision: 1 if a generated sample lies within the ball of any real one, else 0: float64, ``(M,)``.
        recall: 1 if a real sample lies within the ball of any generated one, else 0: float64, ``(N,)``.
        density: Number of balls of real samples that contain a generated one, over ``k``: float64, ``(M,)``.
        coverage: 1 if the ball of a real sample contains any generated one, else 0: float64, ``(N,)``.
    """

    precision: Tensor
    recall: Tensor
    density: Tensor
    coverage: Tensor

    def means(self) -> dict[str, float]:
        """Return the four means by name."""
        return {name: scores.mean().item() for name, scores in vars(self).items()}


def precision_recall_density_coverage(
    real: Tensor, fake: Tensor, neighbours: int = 3, density_neighbours: int = 5
) -> PRDCScores:
    """Return the four scores from balls around each sample that reach to its ``k``-th nearest neighbour in its own set.

    Precision and recall: Kynkäänniemi et al. 2019, equation 2, with closed balls. Density and coverage: Naeem et al.
    2020, equations 2 and 3, with open balls as in their code, so that a set has density 1 with respect to itself.

    Memory: both sets, and 2^24 distances at a time.

    Args:
        real: Features: ``(N, D)``.
        fake: Features: ``(M, D)``.
        neighbours: ``k`` of precision and recall.
        density_neighbours: ``k`` of density and coverage.

    Raises:
        ValueError: One of the sets has ``k`` samples or fewer.
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
    return PRDCScores(
        precision=torch.cat(precise).double(),
        recall=recalled.double(),
        density=torch.cat(dense).double() / density_neighbours,
        coverage=covered.double(),
    )
