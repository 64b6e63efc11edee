"""Sets of features that are normally distributed, as tests of measures want them."""

import torch


def normal(count, features, seed=0):
    """Uncorrelated, of unit variance: float64, (count, features)."""
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def correlated(count, features, seed=0, decay=3):
    """With variances that span ``2 * decay`` decades, mixed by a matrix that does not depend on the seed."""
    scales = torch.logspace(0, -decay, features, dtype=torch.float64)
    return normal(count, features, seed) * scales @ normal(features, features, 99) / features**0.5
