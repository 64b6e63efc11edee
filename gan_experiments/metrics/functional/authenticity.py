"""Authenticity: is a generated sample farther from its nearest training sample than that one's own neighbour?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gan_experiments.metrics.functional.distances import nearest_others, squared_distances

_TIE = 1e-9  # relative; distances this close count as equal


def authenticity(training: Tensor, fake: Tensor) -> Tensor:
    """Return which generated samples are authentic: bool, ``(M,)``; AuthPct is 100 times their share.

    A sample is, if its nearest training sample has another training sample that is nearer to it (Alaa et al. 2022, in
    the form of the code of Jiralerspong et al. 2023). Of several that are nearest, the one with the nearest neighbour
    counts. Memory: both sets, and 2^24 distances at a time.

    Args:
        training: Features of the samples that the generator was trained on: ``(N, D)``, at least two.
        fake: Features of generated samples: ``(M, D)``.

    Raises:
        ValueError: There are fewer than two training samples.
    """
    radii = _two_nearest(training)[0][:, 0]
    authentic = []
    for _, distances in squared_distances(fake, training):
        least = distances.amin(1)
        near = distances <= least[:, None] * (1 + _TIE)
        authentic.append(torch.where(near, radii, torch.inf).amin(1) < least * (1 - _TIE))
    return torch.cat(authentic)


def expected_authenticity(training: Tensor, samples: int) -> tuple[float, float]:
    """Return mean and standard deviation of the share of authentic samples of a perfect generator.

    The mean is that of each training sample, as if it were generated, among all others: exactly that for ``m - 1``
    training samples. The deviation is that of a share, with ``1 / n + 1 / m``, which is rough.

    Args:
        training: Features of the training samples: ``(m, D)``, at least three.
        samples: Generated samples ``n``.
    """
    near, who = _two_nearest(training)
    itself = torch.arange(len(near), device=near.device)
    neighbour = who[:, 0]
    # The neighbour's own nearest sample is not to be the one that is taken out.
    radius = torch.where(who[neighbour, 0] == itself, near[neighbour, 1], near[neighbour, 0])
    share = (radius < near[:, 0]).double().mean().item()
    return share, math.sqrt(share * (1 - share) * (1 / samples + 1 / len(near)))


def _two_nearest(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return squared distances and indices of the two nearest others of each sample: ``(N, 2)``, nearest first."""
    if len(features) < 2:
        raise ValueError(f"authenticity needs at least 2 training samples, not {len(features)}")
    return nearest_others(features, 2)
