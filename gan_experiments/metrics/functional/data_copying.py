"""Data-copying test: are generated samples closer to the training set than held-out real ones (Meehan et al. 2020)?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from gan_experiments.metrics.functional.distances import nearest_distances, squared_distances

_TIMES_NEARER = 3  # to one training sample than to the next: a copy


class DataCopying(NamedTuple):
    """Result of the data-copying test.

    Attributes:
        probability: The probability that a generated sample lies closer to the training set than a held-out one, a
            tie counting half: 0.5 for samples as novel as held-out ones, towards 1 for copies, towards 0 for samples
            far from all real ones. It does not depend on the number of samples.
        statistic: The Z statistic C_T of Meehan et al. with the whole space as one cell: standard normal if nothing
            is copied, below -3 for evidence of copying. It grows with the number of samples.
        closer: For each generated sample, the share of held-out ones that lie farther away: float64, ``(M,)``.
    """

    probability: float
    statistic: float
    closer: Tensor


def data_copying(training: Tensor, held_out: Tensor, fake: Tensor) -> DataCopying:
    """Compare the distances to the nearest training sample of generated and of held-out samples.

    A Mann-Whitney U test (Meehan et al. 2020). Memory: the three sets, and 2^24 distances at a time.

    Args:
        training: Features of the samples that the generator was trained on: ``(N, D)``.
        held_out: Features of real samples that it was not trained on: ``(H, D)``.
        fake: Features of generated samples: ``(M, D)``.

    Raises:
        ValueError: One of the sets is empty.
    """
    if not min(len(training), len(held_out), len(fake)):
        raise ValueError("copying is detected from training, held-out and generated samples: none may be empty")
    generated, new = nearest_distances(fake, training), nearest_distances(held_out, training).sort().values
    nearer = torch.searchsorted(new, generated)
    not_farther = torch.searchsorted(new, generated, right=True)
    closer = 1 - (nearer + not_farther).double() / (2 * len(new))
    probability = closer.mean().item()
    return DataCopying(probability, (0.5 - probability) / _deviation(torch.cat([generated, new]), len(new)), closer)


def share_of_copies(samples: Tensor, training: Iterable[Tensor], among: bool = False) -> float:
    """Return the share of samples that are copies of a training sample: thrice as near to it as to any other one.

    The criterion of Yoon et al. 2023, "Diffusion probabilistic models generalize when they fail to memorize".

    Args:
        samples: ``(M, D)``.
        training: ``(N, D)``, at least 2, in parts, of which one is needed at a time.
        among: Whether the samples are training samples: each is compared with the others, of which 2 are needed.
    """
    own, nearest = int(among), torch.empty(len(samples), 0, dtype=torch.float64)
    for part in training:
        chunks = squared_distances(samples, part)
        closest = [distances.topk(min(2 + own, len(part)), largest=False).values for _, distances in chunks]
        nearest = torch.cat([nearest, torch.cat(closest)], dim=1).sort(dim=1).values[:, : 2 + own]
    nearest = nearest[:, own:]
    return float((_TIMES_NEARER**2 * nearest[:, 0] < nearest[:, 1]).double().mean())


def _deviation(distances: Tensor, held_out: int) -> float:
    """Return the standard deviation of the probability if nothing is copied (Mann & Whitney 1947), with ties."""
    total = len(distances)
    ties = torch.unique(distances, return_counts=True)[1].double()
    spread: float = (total + 1) - (ties**3 - ties).sum().item() / (total * (total - 1))
    # With all distances equal the probability is exactly 0.5, and the variance is 0.
    return math.sqrt(max(spread, 1e-12) / (12 * held_out * (total - held_out)))
