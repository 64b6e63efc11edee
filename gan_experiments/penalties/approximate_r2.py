"""Approximate R2: zero-centered gradient penalty at fake images by finite differences, without a second derivative."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gan_experiments.core.contracts import Step
from gan_experiments.penalties.approximate_r1 import ApproximateR1
from gan_experiments.penalties.gradient import squared_slope


class ApproximateR2(ApproximateR1):
    """R2 from two passes of the discriminator, at fakes and at fakes plus small noise (Lin et al. 2025, APT).

    The partner of ``approximate_r1``, with its arguments: ``weight`` is R2's gamma, which the term tends to as
    ``epsilon`` goes to 0.
    """

    kind: ClassVar[str] = ""  # as R2, it may stand beside another penalty of the gradient at reals

    def discriminator(self, step: Step) -> Tensor:
        """Return ``E (D(G(z) + e) - D(G(z)))^2 / (2 epsilon^2)`` with ``e ~ N(0, epsilon^2 I)``."""
        output = step.fake_output if step.full_precision else None
        return squared_slope(step.discriminator, step.fake, step.fake_labels, output, self.epsilon, step.rng) / 2
