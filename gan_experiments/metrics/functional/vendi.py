"""Vendi score: the effective number of different samples in a set of features."""

from __future__ import annotations

import math
import statistics

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gan_experiments.core.randomness import Stream

_PARTS = 8  # of the real samples, whose scatter tells that of the score


def vendi_score(features: Tensor) -> float:
    """Return the exponential of the entropy of the eigenvalues of ``X X^T / M``, with samples divided by their length.

    Friedman & Dieng 2023, definition 3.1, with the cosine similarity. Between 1, for samples that point in one
    direction, and the smaller of ``M`` and ``D``. Memory: a matrix of that size.

    Args:
        features: Of generated samples: ``(M, D)``.
    """
    unit = normalize(features.double(), dim=1)
    # X X^T and X^T X have the same eigenvalues, apart from zeros.
    gram = unit @ unit.T if len(unit) < unit.shape[1] else unit.T @ unit
    shares = torch.linalg.eigvalsh(gram / len(unit)).clamp_min(0)
    return math.exp(-torch.special.xlogy(shares, shares).sum().item())


def expected_vendi_score(features: Tensor, samples: int) -> tuple[float, float | None]:
    """Return mean and standard deviation of the score of a perfect generator.

    The mean is that of disjoint parts of as many real samples. Beyond the real ones, the logarithm of the score, whose
    bias goes with 1 over the number, is extrapolated from all of them and their halves. The deviation is that of the
    logarithm over eighths, scaled with the root of the number.

    Args:
        features: Of the real samples: ``(m, D)``.
        samples: Generated samples ``n``.
    """
    count = len(features)
    shuffled = features[Stream("real baseline", "vendi").permutation(count).to(features.device)]

    def logs(size: int) -> list[float]:
        parts = torch.split(shuffled[: count // size * size], size)
        return [math.log(vendi_score(part)) for part in parts]

    mean = statistics.fmean(logs(min(samples, count)))
    if count >= 4 and samples > count:
        mean += (mean - statistics.fmean(logs(count // 2))) * (1 - count / samples)
    if count < 2 * _PARTS:
        return math.exp(mean), None
    size = count // _PARTS
    return math.exp(mean), math.exp(mean) * statistics.stdev(logs(size)[:_PARTS]) * math.sqrt(size / samples)
