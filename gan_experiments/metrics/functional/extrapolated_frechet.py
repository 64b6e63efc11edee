"""Fréchet distance extrapolated to infinitely many samples (Chong & Forsyth 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.functional.gaussian import Gaussian, gaussian_from_sums

POINTS = 15  # Chong & Forsyth


def extrapolated_frechet_distance(real: Gaussian, fake: Tensor, seed: int, points: int = POINTS) -> float:
    """Return the FID extrapolated to infinitely many generated samples, which removes its bias in their number.

    The bias falls with one over the number of samples, so a line is fitted to distances at several numbers, and its
    intercept is the value at infinity (Chong & Forsyth 2020, section 4). The real set stays as it is. As in the paper,
    the numbers are evenly spaced from a tenth of the samples, but at least twice the features, to all of them; unlike
    in the paper, each subset is the beginning of one random order, which takes a single pass.

    Memory: the samples.

    Args:
        real: Mean and covariance of the real set.
        fake: Features of generated samples: ``(M, D)``.
        seed: Seed of the random order.
        points: Numbers of samples that are measured.

    Returns:
        The extrapolated distance; noise can bring it below 0.

    Raises:
        ValueError: There are fewer generated samples than four times the features, or a feature is not finite.
    """
    num_features = len(real.mean)
    if len(fake) < 4 * num_features:
        raise ValueError(
            f"extrapolating the FID needs {4 * num_features} generated samples, four times the features, "
            f"not {len(fake)}"
        )
    evenly_spaced = torch.linspace(max(len(fake) // 10, 2 * num_features), len(fake), points, dtype=torch.float64)
    counts = [round(value) for value in evenly_spaced.tolist()]
    order = Stream(seed, "extrapolation").permutation(len(fake)).to(fake.device)
    distances = [frechet_distance(real, gaussian) for gaussian in _growing_gaussians(fake, order, counts)]
    return intercept_at_infinity(counts, distances)


def intercept_at_infinity(counts: Sequence[int], values: Sequence[float]) -> float:
    """Return the intercept of the least-squares line through ``values`` over ``1 / counts``."""
    inverse, heights = 1 / torch.tensor(counts, dtype=torch.float64), torch.tensor(values, dtype=torch.float64)
    deviations = inverse - inverse.mean()
    slope = (deviations * heights).sum() / deviations.square().sum()
    return (heights.mean() - slope * inverse.mean()).item()


def _growing_gaussians(features: Tensor, order: Tensor, counts: Sequence[int]) -> Iterator[Gaussian]:
    """Yield the Gaussian of the first ``count`` features in ``order``, for each of the rising ``counts``."""
    num_features = features.shape[1]
    shift = features[order[0]].double()
    sums, products = torch.zeros_like(shift), torch.zeros(num_features, num_features).to(shift)
    for start, stop in zip([0, *counts], counts, strict=False):
        for part in torch.split(order[start:stop], 2 * num_features):
            shifted = features[part].double() - shift
            sums += shifted.sum(0)
            products += shifted.T @ shifted
        yield gaussian_from_sums(stop, shift, sums, products)
