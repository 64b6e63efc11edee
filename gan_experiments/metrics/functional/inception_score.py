"""How sure and how varied a classifier finds generated images (Salimans et al. 2016, section 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream

SPLITS = 10  # Salimans et al. 2016 and everybody since


def inception_score(logits: Tensor, splits: int = SPLITS, seed: int | None = None) -> tuple[float, float]:
    """Return the Inception Score ``exp(E KL(p(y|x) || p(y)))``, over ``splits`` parts of about the same size.

    It grows with the size of a part, so that scores of different sample counts or splits do not compare.

    Args:
        logits: The classifier's outputs: ``(N, K)``.
        splits: Parts.
        seed: Of the order in which the samples fall into parts; ``None`` takes them as they come, which is as good
            if they were drawn independently, and is what the original code does.

    Returns:
        Mean over the parts, between 1 and the number of classes, and the standard deviation, with the divisor
        ``splits`` as the original code has it.

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
