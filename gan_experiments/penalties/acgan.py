"""Classification by the discriminator, of reals and fakes."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from gan_experiments.contracts import Penalty, Step
from gan_experiments.penalties.class_head import head_input
from gan_experiments.types import NonNegativeFloat


class ACGAN(Penalty):
    """The discriminator names the class of each image; fakes should be named rightly (Odena et al. 2017, section 3).

    Args:
        weight: Factor of the term.
    """

    trains: ClassVar[str] = "classifier"

    def __init__(self, weight: NonNegativeFloat = 1.0) -> None:
        super().__init__(weight)

    def discriminator(self, step: Step) -> Tensor:
        """Return the cross-entropy of the classes of reals plus that of fakes."""
        return _error(step, *head_input(step, "real")) + _error(step, *head_input(step, "fake"))

    def generator(self, step: Step) -> Tensor:
        """Return the cross-entropy of the classes of fakes."""
        return _error(step, *head_input(step, "fake"))


def _error(step: Step, features: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(step.discriminator.class_head(features), labels)  # type: ignore[operator]
