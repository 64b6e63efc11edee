"""Balanced consistency regularization (bCR) of reals and fakes."""

from __future__ import annotations

from torch import Tensor

from gan_experiments.core.contracts import Step
from gan_experiments.core.types import NonNegativeFloat, NonNegativeInt, PositiveInt
from gan_experiments.penalties.cr import CR


class BCR(CR):
    """The discriminator should be invariant to flips and shifts of reals and of fakes (Zhao et al. 2021, balanced).

    Args:
        weight: Factor of the term for reals.
        interval: Apply in every ``interval``-th step.
        flip: Whether the transform mirrors images; unsuitable for digits and letters.
        shift: Largest shift of the transform, in pixels.
        fake_ratio: Weight of the term for fakes, as a multiple of ``weight``.
    """

    def __init__(
        self,
        weight: NonNegativeFloat = 10.0,
        interval: PositiveInt = 1,
        flip: bool = True,
        shift: NonNegativeInt = 4,
        fake_ratio: NonNegativeFloat = 1.0,
    ) -> None:
        super().__init__(weight, interval, flip, shift)
        self.fake_ratio = fake_ratio

    def discriminator(self, step: Step) -> Tensor:
        """Return ``E (D(x) - D(T(x)))^2 + fake_ratio E (D(G(z)) - D(T(G(z))))^2``."""
        output = step.fake_output if step.full_precision else None
        fakes = self._inconsistency(step.discriminator, step.fake, step.fake_labels, output, step.rng)
        return super().discriminator(step) + self.fake_ratio * fakes
