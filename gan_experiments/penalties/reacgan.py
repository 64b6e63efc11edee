"""ReACGAN: data-to-data cross-entropy of images and class proxies."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.contracts import Step
from gan_experiments.core.types import Fraction, NonNegativeFloat, PositiveFloat
from gan_experiments.penalties.class_head import ClassHeadPenalty


class ReACGAN(ClassHeadPenalty):
    """Embeddings near their class proxy, far from images of other classes (Kang et al. 2021, "Rebooting ACGAN").

    The data-to-data cross-entropy ``-log(p_i / (p_i + sum over images of other classes))`` of exponentials:
    ``min(cosine - positive_margin, 0) / temperature`` for the proxy, ``max(cosine - negative_margin, 0) / temperature``
    for other images. Images are compared within the batch of this process.

    Args:
        weight: Factor of the term.
        temperature: Divisor of the cosines.
        positive_margin: Cosine to the proxy above which it no longer attracts.
        negative_margin: Cosine below which images of other classes do not repel.
    """

    couples_batch: ClassVar[bool] = True
    trains: ClassVar[str] = "contrastive"

    def __init__(
        self,
        weight: NonNegativeFloat = 0.5,
        temperature: PositiveFloat = 0.5,
        positive_margin: Fraction = 0.98,
        negative_margin: Fraction = 0.02,
    ) -> None:
        super().__init__(weight)
        self.temperature = temperature
        self.positive_margin = positive_margin
        self.negative_margin = negative_margin

    def of_head(self, step: Step, features: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy."""
        embedded, proxies = step.discriminator.class_head(features, labels)  # type: ignore[operator]
        cosine = (embedded * proxies).sum(dim=1, keepdim=True)  # (B, 1)
        own = (cosine - self.positive_margin).clamp(max=0) / self.temperature
        pairs = (embedded @ embedded.T - self.negative_margin).clamp(min=0) / self.temperature
        unlike = pairs.masked_fill(labels[:, None] == labels, -torch.inf)
        value: Tensor = (torch.cat([own, unlike], dim=1).logsumexp(dim=1, keepdim=True) - own).mean()
        return value
