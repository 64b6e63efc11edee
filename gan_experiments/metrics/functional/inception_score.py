"""Inception Score: confidence and diversity of a classifier's predictions for generated images."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream

SPLITS = 10  # Salimans et al. 2016, and the usual choice since


def inception_score(logits: Tensor, splits: int = SPLITS, seed: int | None = None) -> tuple[float, float]:
    """Return the Inception Score ``exp(E KL(p(y|x) || p(y)))`` (Salimans et al. 2016, section 4), a mean over splits.

    It grows with the size of a split, so scores of different sample counts or numbers of splits cannot be compared.

    Args:
        logits: Outputs of the classifier: ``(N, K)``.
        splits: Parts of about equal size that the samples are divided into.
        seed: Seed of the random order in which samples are divided; ``None`` keeps the given order, as the original
            code does, which is as good for samples that were drawn independently.

    Returns:
        Mean over the splits, between 1 and the number of classes, and the standard deviation over them, with the
        divisor ``splits`` as in the original code.

    Raises:
        ValueError: There are fewer samples than splits.
    """
    if len(logits) < splits:
        raise ValueError(f"an Inception Score over {splits} splits needs at least {splits} samples, not {len(logits)}")
    if seed is not None:
        logits = logits[Stream(seed, "inception score").permutation(len(logits)).to(logits.device)]
    borders = [part * len(logits) // splits for part in range(1, splits)]
    scores = torch.stack([_score(part.double().log_softmax(1)) for part in torch.tensor_split(logits, borders)])
    return scores.mean().item(), scores.std(correction=0).item()


def _score(log_p: Tensor) -> Tensor:
    p = log_p.exp()
    marginal = p.mean(0)
    divergence: Tensor = (p * log_p).sum(1).mean() - torch.special.xlogy(marginal, marginal).sum()
    return divergence.exp()
