"""Relativistic pairing loss (RpGAN, the loss of R3GAN)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from gan_experiments.core.contracts import Loss


class RelativisticPairing(Loss):
    """Each real should score higher than its paired fake (Jolicoeur-Martineau 2018, RSGAN; Huang et al. 2024).

    The loss has no local minima of mode collapse (Sun, Fang & Schwing 2020), but converges only with ``r1`` and ``r2``.
    """

    generator_needs_real: ClassVar[bool] = True
    pairs: ClassVar[bool] = True
    shift_invariant: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ``E softplus(f - r)`` over the pairs, real ``i`` with fake ``i``."""
        return softplus(fake - real).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return ``E softplus(r - f)`` over the pairs."""
        assert real is not None
        return softplus(real - fake).mean()
