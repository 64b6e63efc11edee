"""The terms of the evidence lower bound (Kingma & Welling 2014), in nats per image."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import binary_cross_entropy


def gaussian(images: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """Return the log-density of ``images`` under N(mean, sigma^2), summed over pixels: ``(B,)``.

    Args:
        images: ``(B, C, H, W)``.
        mean: ``(B, C, H, W)``.
        log_sigma: Scalar, the logarithm of the standard deviation of all pixels (Rybkin, Daniilidis & Levine 2021).
    """
    squares = ((images - mean) * (-log_sigma).exp()).square().flatten(1).sum(1)
    return -0.5 * squares - images[0].numel() * (log_sigma + 0.5 * math.log(2 * math.pi))


def bernoulli(images: Tensor, mean: Tensor) -> Tensor:
    """Return the Bernoulli log-probability of ``images``, summed over pixels, gray levels as probabilities: ``(B,)``.

    Args:
        images: ``(B, C, H, W)`` in [-1, 1], black to white.
        mean: ``(B, C, H, W)`` in [-1, 1]: ``2 p - 1`` for the probability ``p`` of white.
    """
    crossed = binary_cross_entropy((mean + 1) / 2, (images + 1) / 2, reduction="none")
    return -crossed.flatten(1).sum(1)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance), N(0, I)) of rows ``(B, D)``: ``(B,)`` (Kingma & Welling 2014, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
