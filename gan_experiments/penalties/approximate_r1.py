"""Approximate R1: zero-centered gradient penalty at real images by finite differences, without a second derivative."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.types import NonNegativeFloat, PositiveFloat, PositiveInt
from gan_experiments.penalties.gradient import squared_slope


class ApproximateR1(Penalty):
    """R1 from two passes of the discriminator, at images and at images plus small noise (Lin et al. 2025, APT).

    ``weight`` is R1's gamma: the term tends to that of ``r1`` as ``epsilon`` goes to 0. The paper's factor lambda of
    the plain squared difference is ``weight / (2 epsilon^2)``. No gradient is differentiated, so that it works in
    ``16-mixed``, with compiled networks and with attention kernels that have no second derivative.

    Args:
        weight: Gamma.
        interval: Apply in every ``interval``-th step.
        epsilon: Standard deviation of the noise, for images in [-1, 1].
    """

    kind: ClassVar[str] = "gradient_norm"

    def __init__(
        self, weight: NonNegativeFloat = 1.0, interval: PositiveInt = 1, epsilon: PositiveFloat = 0.01
    ) -> None:
        super().__init__(weight, interval)
        self.epsilon = epsilon

    def discriminator(self, step: Step) -> Tensor:
        """Return ``E (D(x + e) - D(x))^2 / (2 epsilon^2)`` with ``e ~ N(0, epsilon^2 I)``."""
        output = step.real_output if step.full_precision else None
        return squared_slope(step.discriminator, step.real.detach(), step.labels, output, self.epsilon, step.rng) / 2
