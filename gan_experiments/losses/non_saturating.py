"""Non-saturating GAN loss: the standard GAN loss."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import softplus

from gan_experiments.core.contracts import Loss
from gan_experiments.core.types import Fraction


class NonSaturating(Loss):
    """Binary cross-entropy; the generator maximizes log D(G(z)) (Goodfellow et al. 2014, section 3).

    Args:
        smoothing: One-sided label smoothing: the target of reals is ``1 - smoothing`` in the discriminator's loss,
            that of fakes stays 0 (Salimans et al. 2016, section 3.4).
    """

    def __init__(self, smoothing: Fraction = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.boundary = math.log1p(-smoothing) - math.log1p(smoothing) if smoothing < 1 else -math.inf

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the cross-entropy of reals against ``1 - smoothing`` and of fakes against 0, from logits."""
        is_real, is_fake = softplus(-real), softplus(fake)
        if self.smoothing:
            is_real = (1 - self.smoothing) * is_real + self.smoothing * softplus(real)
        return is_real.mean() + is_fake.mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the mean of -log sigmoid(fake), from logits."""
        return softplus(-fake).mean()
