"""AC-GAN: auxiliary classification of reals and fakes by the discriminator."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from gan_experiments.core.contracts import Step
from gan_experiments.core.types import NonNegativeFloat
from gan_experiments.penalties.class_head import ClassHeadPenalty, head_input


class ACGAN(ClassHeadPenalty):
    """Cross-entropy of the discriminator's classifier on reals and fakes (Odena, Olah & Shlens 2017, section 3).

    Args:
        weight: Factor of the term.
        on_fakes: Whether the discriminator learns classes from fakes too, as published. Both networks can then agree on
            class features that the data does not have; otherwise it learns classes from reals alone.
    """

    trains: ClassVar[str] = "classifier"

    def __init__(self, weight: NonNegativeFloat = 1.0, on_fakes: bool = True) -> None:
        super().__init__(weight)
        self.on_fakes = on_fakes

    def of_head(self, step: Step, features: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of the classes."""
        return cross_entropy(step.discriminator.class_head(features), labels)  # type: ignore[operator]

    def discriminator(self, step: Step) -> Tensor:
        """Return the cross-entropy of the classes of reals and, if ``on_fakes``, of fakes."""
        value = super().discriminator(step)
        return value + self.of_head(step, *head_input(step, "fake")) if self.on_fakes else value
