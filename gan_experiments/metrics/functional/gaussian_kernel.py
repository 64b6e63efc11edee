"""CMMD: squared maximum mean discrepancy with a Gaussian kernel between unit-length features."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gan_experiments.metrics.functional.distances import squared_distances

BANDWIDTH = 10.0
SCALE = 1000.0


class GaussianMMD(NamedTuple):
    """A squared maximum mean discrepancy, and what each generated sample contributes.

    Attributes:
        distance: The discrepancy.
        influence: ``2 (mean k(y, y') - mean k(x, y))`` for each generated sample ``y``: float64, ``(M,)``. The distance
            scatters over sets of generated samples about as the mean of this does.
    """

    distance: float
    influence: Tensor


def gaussian_mmd(real: Tensor, fake: Tensor, bandwidth: float = BANDWIDTH) -> GaussianMMD:
    """Return 1,000 times the biased squared MMD with ``k(x, y) = exp(-|x - y|^2 / (2 bandwidth^2))`` of unit vectors.

    ``mean k(x, x') + mean k(y, y') - 2 mean k(x, y)`` over all pairs, also of a sample with itself: Jayasumana et al.
    2024, section 4, in the estimator of their code (Gretton et al. 2012, equation 5). Features are divided by their
    length first, as there. Memory: both sets, and 2^24 distances at a time.

    Args:
        real: Features: ``(N, D)``.
        fake: Features: ``(M, D)``.
        bandwidth: Standard deviation of the kernel; unit vectors are at most 2 apart.
    """
    real, fake = normalize(real.double(), dim=1), normalize(fake.double(), dim=1)
    within, across = mean_kernel(fake, fake, bandwidth), mean_kernel(fake, real, bandwidth)
    distance = mean_kernel(real, real, bandwidth).mean() + within.mean() - 2 * across.mean()
    return GaussianMMD(SCALE * distance.item(), 2 * SCALE * (within - across))


def expected_gaussian_mmd(features: Tensor, samples: int, bandwidth: float = BANDWIDTH) -> tuple[float, float]:
    """Return mean and standard deviation of ``gaussian_mmd`` for a perfect generator.

    Each set of ``n`` and ``m`` samples has with itself pairs of one sample: the mean is ``(1 / n + 1 / m) (1 - K)``
    with the mean ``K`` of the kernel over different samples, exactly. The variance is ``2 z (1 / n + 1 / m)^2`` with
    the mean square ``z`` of the centred kernel (Gretton et al. 2012, appendix B.1).

    Args:
        features: Of the real samples: ``(m, D)``.
        samples: Generated samples ``n``.
        bandwidth: As for ``gaussian_mmd``.
    """
    count, unit = len(features), normalize(features.double(), dim=1)
    rows = mean_kernel(unit, unit, bandwidth)
    different = (rows.mean().item() * count - 1) / (count - 1)
    share = 1 / samples + 1 / count
    squares = 0.0
    for part, distances in squared_distances(unit, unit):
        centred = torch.exp(distances / (-2 * bandwidth**2)) - rows[part, None] - rows + rows.mean()
        own = torch.arange(part.start, part.stop, device=centred.device)
        centred[own - part.start, own] = 0
        squares += centred.square().sum().item()
    square = squares / (count * (count - 1))
    return SCALE * share * (1 - different), SCALE * share * math.sqrt(2 * square)


def mean_kernel(rows: Tensor, columns: Tensor, bandwidth: float) -> Tensor:
    """Return the mean kernel of each of ``(N, D)`` with all of ``(M, D)``: float64, ``(N,)``."""
    chunks = squared_distances(rows, columns)
    return torch.cat([distances.div_(-2 * bandwidth**2).exp_().mean(1) for _, distances in chunks])
