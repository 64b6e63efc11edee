"""The kernel inception distance: an unbiased squared distance of two sets of features (Bińkowski et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream

SUBSETS = 100  # the defaults of torch-fidelity and torchmetrics
SUBSET_SIZE = 1000


def kernel_distance(
    real: Tensor, fake: Tensor, seed: int, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE
) -> tuple[float, float]:
    """Return the KID, a squared maximum mean discrepancy, over random subsets drawn without replacement.

    Memory: both sets, and three matrices ``subset_size`` x ``subset_size``.

    Args:
        real: Features: ``(N, D)``.
        fake: Features: ``(M, D)``.
        seed: Of the subsets.
        subsets: How many.
        subset_size: Samples of each set in one of them.

    Returns:
        Mean over the subsets, near 0 and as often below it for sets of one distribution, and the standard deviation,
        with the divisor ``subsets`` as the original code has it.

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
    """Return the unbiased squared maximum mean discrepancy with the kernel ``(x.y / D + 1)^3``, a scalar.

    Gretton et al. 2012, lemma 6; kernel of Bińkowski et al. 2018, section 4.

    Args:
        first: ``(N, D)``.
        second: ``(M, D)``.
    """

    def kernel(one: Tensor, other: Tensor) -> Tensor:
        return (one @ other.T / one.shape[1] + 1).pow_(3)

    def mean_of_pairs(one: Tensor) -> Tensor:
        similar = kernel(one, one)
        return (similar.sum() - similar.trace()) / (len(one) * (len(one) - 1))

    return mean_of_pairs(first) + mean_of_pairs(second) - 2 * kernel(first, second).mean()
