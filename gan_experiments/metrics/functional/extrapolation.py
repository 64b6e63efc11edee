"""Measures at infinitely many samples, from how they change with the number (Chong & Forsyth 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.moments import Gaussian, Moments

POINTS = 15  # Chong & Forsyth


def infinite_frechet_distance(real: Gaussian, fake: Tensor, seed: int, points: int = POINTS) -> float:
    """Return the FID extrapolated to infinitely many generated samples, free of the bias that favours some generators.

    The bias falls with one over the number of samples, so that a line through distances at several numbers meets
    infinity at its intercept (Chong & Forsyth 2020, section 4). The real set stays as it is. As they do, the numbers
    go evenly from a tenth of the samples, but at least twice the features, to all of them; unlike theirs, each is the
    beginning of one random order, which takes one pass.

    Memory: the samples.

    Args:
        real: Mean and covariance of the real set.
        fake: Features of generated samples: ``(M, D)``.
        seed: Of their order.
        points: Numbers of samples that are measured.

    Returns:
        The extrapolated distance; noise can bring it below 0.

    Raises:
        ValueError: There are fewer samples than four times the features.
    """
    num_features = len(real.mean)
    if len(fake) < 4 * num_features:
        raise ValueError(
            f"extrapolating the FID needs {4 * num_features} generated samples, four times the features, "
            f"not {len(fake)}"
        )
    counts = _counts(max(len(fake) // 10, 2 * num_features), len(fake), points)
    order = Stream(seed, "extrapolation").permutation(len(fake)).to(fake.device)
    moments, distances = Moments(num_features), []
    for start, stop in zip([0, *counts], counts, strict=False):
        for part in torch.split(order[start:stop], num_features):
            moments.update(fake[part].double())
        distances.append(frechet_distance(real, moments.gaussian()))
    return intercept(counts, distances)


def intercept(counts: Sequence[int], values: Sequence[float]) -> float:
    """Return the value at infinity of the line through values over one over their counts, by least squares."""
    inverse, heights = 1 / torch.tensor(counts, dtype=torch.float64), torch.tensor(values, dtype=torch.float64)
    deviations = inverse - inverse.mean()
    slope = (deviations * heights).sum() / deviations.square().sum()
    return (heights.mean() - slope * inverse.mean()).item()


def _counts(first: int, last: int, points: int) -> list[int]:
    return [round(value) for value in torch.linspace(first, last, points, dtype=torch.float64).tolist()]
