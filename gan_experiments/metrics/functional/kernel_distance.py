"""Kernel distance between two sets of features; with Inception features it is the KID."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream

SUBSETS = 100  # the defaults of torch-fidelity and torchmetrics
SUBSET_SIZE = 1000


def kernel_distance(
    real: Tensor, fake: Tensor, seed: int, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE
) -> tuple[float, float]:
    """Return the kernel distance (KID; Bińkowski et al. 2018): the mean of ``polynomial_mmd`` over random subsets.

    Subsets are drawn without replacement. Memory: both sets, and three matrices ``subset_size`` x ``subset_size``.

    Args:
        real: Features: ``(N, D)``.
        fake: Features: ``(M, D)``.
        seed: Seed of the choice of subsets.
        subsets: Number of subsets.
        subset_size: Samples of each set in a subset.

    Returns:
        Mean over the subsets, and the standard deviation over them, with the divisor ``subsets`` as in the original
        code. The mean is an unbiased estimate: for two sets of one distribution it is as often below 0 as above.

    Raises:
        ValueError: One of the sets is smaller than a subset.
    """
    if min(len(real), len(fake)) < subset_size:
        raise ValueError(f"KID in subsets of {subset_size} needs as many samples, not {min(len(real), len(fake))}")
    stream = Stream(seed, "kid")

    def draw(features: Tensor) -> Tensor:
        chosen = stream.permutation(len(features))[:subset_size]
        return features[chosen.to(features.device)].double()

    distances = torch.stack([polynomial_mmd(draw(real), draw(fake)) for _ in range(subsets)])
    return distances.mean().item(), distances.std(correction=0).item()


def polynomial_mmd(first: Tensor, second: Tensor) -> Tensor:
    """Return the unbiased squared maximum mean discrepancy with the kernel ``k(x, y) = (x.y / D + 1)^3``, a scalar.

    Gretton et al. 2012, lemma 6; the kernel is that of Bińkowski et al. 2018, section 4.

    Args:
        first: ``(N, D)``.
        second: ``(M, D)``.
    """

    def mean_of_pairs(one: Tensor) -> Tensor:
        similar = polynomial_kernel(one, one)
        return (similar.sum() - similar.trace()) / (len(one) * (len(one) - 1))

    return mean_of_pairs(first) + mean_of_pairs(second) - 2 * polynomial_kernel(first, second).mean()


def polynomial_kernel(first: Tensor, second: Tensor) -> Tensor:
    """Return the kernel ``k(x, y) = (x.y / D + 1)^3`` of all pairs of ``(N, D)`` and ``(M, D)``: ``(N, M)``."""
    return (first @ second.T / first.shape[1] + 1).pow_(3)
