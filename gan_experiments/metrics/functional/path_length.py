"""Perceptual path length: how much images change with a small step in latent space."""

from __future__ import annotations

import torch
from torch import Tensor


def perceptual_path_lengths(before: Tensor, after: Tensor, epsilon: float) -> Tensor:
    """Return the perceptual distances of pairs over ``epsilon^2``: float64, ``(B,)``.

    Karras et al. 2019, equations 2 and 3, without the mean; the distance is LPIPS.

    Args:
        before: Embeddings of the images before the step, whose squared distance is LPIPS: ``(B, D)``.
        after: Those after it.
        epsilon: Length of the step, as a share of the path.
    """
    return (before - after).double().square().sum(1) / epsilon**2


def mean_without_extremes(values: Tensor, percent: float = 1.0) -> tuple[float, Tensor]:
    """Return the mean of those between two percentiles, which are included, and these values.

    Karras et al. 2019 leave out the lowest and the highest 1 % of path lengths, as their code does.

    Args:
        values: ``(N,)``.
        percent: Percentage that is left out at each end.
    """
    bounds = values.new_tensor([percent / 100, 1 - percent / 100])
    low = torch.quantile(values, bounds[0], interpolation="lower")
    high = torch.quantile(values, bounds[1], interpolation="higher")
    kept = values[(values >= low) & (values <= high)]
    return kept.mean().item(), kept
