"""Precision, recall and reverse KL divergence of samples of a distribution whose modes are known."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# The share of the samples that a mode would have of a perfect generator, from which it is covered.
COVERED = 0.25


def mode_coverage(samples: Tensor, high_quality: Tensor, weights: Tensor | None = None) -> dict[str, float]:
    """Return how well samples cover the modes of a distribution (Srivastava et al. 2017; Lin et al. 2018).

    Args:
        samples: Samples whose nearest mode is each of the modes: int64, ``(K,)``.
        high_quality: The samples among them that are near enough to their mode: int64, ``(K,)``.
        weights: Probability of each mode times their number: ``(K,)``; ``None``: all modes are equally probable.

    Returns:
        ``precision``: share of high-quality samples. ``modes``: number of covered modes, those with at least a quarter
        of the high-quality samples that a perfect generator has there, which a cloud over all modes does not reach;
        ``recall``: their share. ``modes_published``: number of modes with at least one high-quality sample, as in the
        literature; of 10,000 samples of any cloud, a few lie near every mode. ``modes_any``: number of modes with at
        least one sample of any quality, as on Stacked MNIST, where a classifier assigns every sample. ``reverse_kl``:
        divergence ``KL(q || p)`` of the distribution ``q`` of all samples over modes from that of the modes, in nats;
        ``log K`` if all samples are in one of K equally probable modes. ``reverse_kl_high_quality``: the same of the
        high-quality samples alone, as in PacGAN: ``log K`` minus its entropy of coverage; if there are none, as if all
        were in the least probable mode.
    """
    weights = torch.ones(len(samples), dtype=torch.float64) if weights is None else weights.double()
    weights = weights.to(samples.device)
    covered = int((high_quality >= COVERED * samples.sum() / len(samples) * weights).sum())
    return {
        "precision": int(high_quality.sum()) / int(samples.sum()),
        "recall": covered / len(high_quality),
        "modes": float(covered),
        "modes_published": float((high_quality > 0).sum()),
        "modes_any": float((samples > 0).sum()),
        "reverse_kl": _divergence(samples, weights),
        "reverse_kl_high_quality": _divergence(high_quality, weights),
    }


def _divergence(counts: Tensor, weights: Tensor) -> float:
    """Return the divergence of counts by mode from the probabilities of the modes: ``sum q log(K q / w)``."""
    if not counts.any():
        return math.log(len(counts) / float(weights.min()))
    share = counts.double() / counts.sum()
    return float(torch.special.xlogy(share, share * len(share) / weights).sum())
