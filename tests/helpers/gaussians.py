"""Sets of features that are normally distributed, as tests of measures want them."""

import torch


def normal(count, features, seed=0):
    """Uncorrelated, of unit variance: float64, (count, features)."""
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def correlated(count, features, seed=0, decay=3):
    """With variances that span ``2 * decay`` decades, mixed by a matrix that does not depend on the seed."""
    scales = torch.logspace(0, -decay, features, dtype=torch.float64)
    return normal(count, features, seed) * scales @ normal(features, features, 99) / features**0.5


def reference_distance(first, second):
    """The Fréchet distance of two feature sets (Heusel et al. 2017, equation 6), sound for singular covariances.

    The trace of the root of C1 C2 is the nuclear norm of X1 X2^T, with X the centred features divided by the square
    root of their number less one. Nothing is squared first, so the rounding error is that of an SVD on every machine; a
    square root of the singular matrix C1 C2 (scipy's ``sqrtm``) is NaN on some.
    """
    roots = [
        (features.double() - features.double().mean(0)) / (len(features) - 1) ** 0.5 for features in (first, second)
    ]
    means = (first.double().mean(0) - second.double().mean(0)).square().sum()
    nuclear_norm = torch.linalg.matrix_norm(roots[0] @ roots[1].T, "nuc")
    return (means + roots[0].square().sum() + roots[1].square().sum() - 2 * nuclear_norm).item()
