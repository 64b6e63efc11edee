"""Hinge loss."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from gan_experiments.core.contracts import Loss


class Hinge(Loss):
    """A margin of 1 for the discriminator only (Lim & Ye 2017; Miyato et al. 2018, eq. 16 and 17)."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ``E relu(1 - r) + E relu(1 + f)``, of logits."""
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the negated mean logit."""
        return -fake.mean()
