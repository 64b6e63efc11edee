"""Approximate R2: zero-centered gradient penalty at fake images by finite differences, without a second derivative."""

from __future__ import annotations

from torch import Tensor

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.types import NonNegativeFloat, PositiveFloat, PositiveInt
from gan_experiments.penalties.gradient import squared_slope


class ApproximateR2(Penalty):
    """R2 from two passes of the discriminator, at fakes and at fakes plus small noise (Lin et al. 2025, APT).

    The partner of ``approximate_r1``: ``weight`` is R2's gamma, which the term tends to as ``epsilon`` goes to 0.

    Args:
        weight: Gamma.
        interval: Apply in every ``interval``-th step.
        epsilon: Standard deviation of the noise, for images in [-1, 1].
    """

    def __init__(
        self, weight: NonNegativeFloat = 1.0, interval: PositiveInt = 1, epsilon: PositiveFloat = 0.01
    ) -> None:
        super().__init__(weight, interval)
        self.epsilon = epsilon

    def discriminator(self, step: Step) -> Tensor:
        """Return ``E (D(G(z) + e) - D(G(z)))^2 / (2 epsilon^2)`` with ``e ~ N(0, epsilon^2 I)``."""
        output = step.fake_output if step.full_precision else None
        return squared_slope(step.discriminator, step.fake, step.fake_labels, output, self.epsilon, step.rng) / 2
