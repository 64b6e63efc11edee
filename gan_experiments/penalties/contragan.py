"""ContraGAN: conditional contrastive loss of images and class proxies."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.contracts import Step
from gan_experiments.core.types import NonNegativeFloat, PositiveFloat
from gan_experiments.penalties.class_head import ClassHeadPenalty


class ContraGAN(ClassHeadPenalty):
    """Embeddings near their class proxy and images of their class, far from others (Kang & Park 2020, section 3.2).

    ``-log((p_i + sum over the same class) / (p_i + sum over all others))`` of ``exp(cosine / temperature)``, ``p_i``
    being that of image ``i`` and its class proxy. Images are compared within the batch of this process.

    Args:
        weight: Factor of the term.
        temperature: Divisor of the cosines.
    """

    couples_batch: ClassVar[bool] = True
    trains: ClassVar[str] = "contrastive"

    def __init__(self, weight: NonNegativeFloat = 1.0, temperature: PositiveFloat = 1.0) -> None:
        super().__init__(weight)
        self.temperature = temperature

    def of_head(self, step: Step, features: Tensor, labels: Tensor) -> Tensor:
        """Return the contrastive loss."""
        embedded, proxies = step.discriminator.class_head(features, labels)  # type: ignore[operator]
        own = (embedded * proxies).sum(dim=1, keepdim=True) / self.temperature  # (B, 1)
        pairs = embedded @ embedded.T / self.temperature
        self_pairs = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        others = pairs.masked_fill(self_pairs, -torch.inf)
        equals = others.masked_fill(labels[:, None] != labels, -torch.inf)
        attraction = torch.cat([own, equals], dim=1).logsumexp(dim=1)
        return (torch.cat([own, others], dim=1).logsumexp(dim=1) - attraction).mean()
