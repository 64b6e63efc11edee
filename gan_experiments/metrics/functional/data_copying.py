"""Whether generated samples lie closer to the training set than new real ones do (Meehan et al. 2020)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gan_experiments.metrics.functional.distances import nearest_distances


class Copying(NamedTuple):
    """How the distances to the nearest training sample compare.

    Attributes:
        probability: That a generated sample lies closer to the training set than a held-out one, a tie counting half:
            0.5 for samples that are as new as real ones, towards 1 for copies, towards 0 for samples that are
            far from all real ones. It does not depend on the number of samples.
        statistic: The same as the Z statistic C_T of Meehan et al., with all of the space as one cell; standard
            normal if nothing is copied, below -3 for evidence of copying. It grows with the number of samples.
        closer: Per generated sample, the share of held-out ones that lie farther: float64, ``(M,)``.
    """

    probability: float
    statistic: float
    closer: Tensor


def data_copying(training: Tensor, held_out: Tensor, fake: Tensor) -> Copying:
    """Compare the distances of generated and of held-out samples to their nearest training sample.

    Memory: the three sets, and 2^24 distances at a time.

    Args:
        training: Features of what the generator was trained on: ``(N, D)``.
        held_out: Features of real samples that it was not: ``(H, D)``.
        fake: Features of generated samples: ``(M, D)``.

    Raises:
        ValueError: One of the sets is empty.
    """
    if not min(len(training), len(held_out), len(fake)):
        raise ValueError("copying is told by training, held-out and generated samples: none of the three may be empty")
    generated, new = nearest_distances(fake, training), nearest_distances(held_out, training).sort().values
    nearer = torch.searchsorted(new, generated)
    not_farther = torch.searchsorted(new, generated, right=True)
    closer = 1 - (nearer + not_farther).double() / (2 * len(new))
    probability = closer.mean().item()
    return Copying(probability, (0.5 - probability) / _deviation(torch.cat([generated, new]), len(new)), closer)


def _deviation(distances: Tensor, held_out: int) -> float:
    """Return the standard deviation of the probability if nothing is copied (Mann & Whitney 1947), with ties."""
    total = len(distances)
    ties = torch.unique(distances, return_counts=True)[1].double()
    spread: float = (total + 1) - (ties**3 - ties).sum().item() / (total * (total - 1))
    # All of one distance: the probability is 0.5, and no deviation from it has a meaning.
    return math.sqrt(max(spread, 1e-12) / (12 * held_out * (total - held_out)))
