"""The Fréchet distance of two normal distributions, exactly: the FID, if they are those of Inception features."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.metrics.moments import Gaussian


def frechet_distance(first: Gaussian, second: Gaussian) -> float:
    """Return the squared Fréchet (2-Wasserstein) distance (Dowson & Landau 1982; Heusel et al. 2017, equation 6).

    It needs the trace of the root of ``C1 C2``. With ``C1 = F^T F``, that product has the eigenvalues of the symmetric
    ``F C2 F^T``, and their roots are the singular values of ``F1 F2^T``: symmetric eigenvalues are always real and
    cost a fraction of general ones. ``F`` is the centred features if those are few, or else from Cholesky.

    Args:
        first: Mean and covariance of one set.
        second: Those of the other.

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
    # A feature that is constant in one of the sets adds nothing, but makes Cholesky fail, and what follows it is slow.
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
    """Return ``F`` with ``F^T F`` equal to a covariance without full rank."""
    values, vectors = torch.linalg.eigh(covariance)
    factor: Tensor = (vectors * values.clamp_(min=0).sqrt_()).T
    return factor
