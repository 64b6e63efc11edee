"""Dual contrastive loss."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from gan_experiments.core.contracts import Loss
from gan_experiments.core.distributed import gathered


class DualContrastive(Loss):
    """Classify each real against all fakes of the batch, and each fake against all reals (Yu et al. 2021, section 3).

    Two cross-entropies of one sample against many; the generator maximizes what the discriminator minimizes. Samples
    are compared within the batch of all processes.
    """

    generator_needs_real: ClassVar[bool] = True
    shift_invariant: ClassVar[bool] = True
    couples_batch: ClassVar[bool] = True
    gathers_batch: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return ``E_r log(1 + sum_f exp(f - r)) + E_f log(1 + sum_r exp(f - r))``."""
        real, fake = real.flatten(), fake.flatten()
        fakes, reals = gathered(fake), gathered(real)
        return softplus(fakes.logsumexp(0) - real).mean() + softplus(fake + (-reals).logsumexp(0)).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the negated loss of the discriminator."""
        assert real is not None
        return -self.discriminator(real, fake)
