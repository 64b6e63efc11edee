"""Fréchet distance between two Gaussians; with Inception features it is the FID."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.metrics.functional.gaussian import Gaussian


def frechet_distance(first: Gaussian, second: Gaussian) -> float:
    """Return the squared Fréchet distance ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``.

    Dowson & Landau 1982; Heusel et al. 2017, equation 6. It is the squared 2-Wasserstein distance of two Gaussians.

    The trace of the square root of ``C1 C2`` is computed from symmetric matrices, whose eigenvalues are always real and
    cost a fraction of general ones. With ``C1 = F1^T F1``, ``C1 C2`` has the eigenvalues of ``F1 C2 F1^T``; their
    square roots are the singular values of ``F1 F2^T``. ``F`` holds the centred features if there are few samples,
    and is a Cholesky factor otherwise.

    Args:
        first: Mean and covariance of one set.
        second: Mean and covariance of the other.

    Returns:
        The distance, never below 0.

    Raises:
        ValueError: The sets differ in their number of features.
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(f"{len(first.mean)} features cannot be compared with {len(second.mean)}")
    shift = (first.mean - second.mean).square().sum()
    distance = shift + first.trace() + second.trace() - 2 * _trace_of_root(first, second)
    return max(0.0, distance.item())


def _trace_of_root(first: Gaussian, second: Gaussian) -> Tensor:
    if first.factor is not None and second.factor is not None:
        return _sum_of_singular_values(first.factor @ second.factor.T)
    if second.factor is not None:
        first, second = second, first
    covariance = second.covariance
    assert covariance is not None
    if first.factor is not None:
        return _sum_of_roots(first.factor, covariance)
    assert first.covariance is not None
    if torch.equal(first.covariance, covariance):
        return covariance.trace()
    # A feature that is constant in one of the sets adds nothing, but makes Cholesky fail, and the fallback is slow.
    alive = (first.covariance.diagonal() > 0) & (covariance.diagonal() > 0)
    both = [matrix if alive.all() else matrix[alive][:, alive] for matrix in (first.covariance, covariance)]
    for one, other in (both, both[::-1]):
        root, failed = torch.linalg.cholesky_ex(one)
        if not failed:
            return _sum_of_roots(root.T, other)
    return _sum_of_singular_values(_factor(both[0]) @ _factor(both[1]).T)


def _sum_of_singular_values(matrix: Tensor) -> Tensor:
    values: Tensor = torch.linalg.svdvals(matrix)
    return values.sum()


def _sum_of_roots(factor: Tensor, covariance: Tensor) -> Tensor:
    squares: Tensor = torch.linalg.eigvalsh(factor @ covariance @ factor.T)
    return squares.clamp_(min=0).sqrt_().sum()


def _factor(covariance: Tensor) -> Tensor:
    """Return ``F`` with ``F^T F`` equal to a rank-deficient covariance."""
    values, vectors = torch.linalg.eigh(covariance)
    factor: Tensor = (vectors * values.clamp_(min=0).sqrt_()).T
    return factor
