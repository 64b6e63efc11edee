"""Multi-hinge: an auxiliary classifier with a margin between the right class and the next best."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gan_experiments.core.contracts import Step
from gan_experiments.core.types import NonNegativeFloat
from gan_experiments.penalties.class_head import ClassHeadPenalty


class MultiHinge(ClassHeadPenalty):
    """The multi-class hinge loss of Crammer & Singer, beside a projection discriminator (Kavalerov et al. 2021).

    ``E relu(1 + max_{k != y} C_k - C_y)``: of reals for the discriminator, of fakes for the generator.

    Args:
        weight: Factor of the term of both networks.
        generator_weight: Further factor of the generator's.
    """

    trains: ClassVar[str] = "projection_classifier"

    def __init__(self, weight: NonNegativeFloat = 1.0, generator_weight: NonNegativeFloat = 0.1) -> None:
        super().__init__(weight)
        self.generator_weight = generator_weight

    def of_head(self, step: Step, features: Tensor, labels: Tensor) -> Tensor:
        """Return the multi-class hinge loss."""
        logits: Tensor = step.discriminator.class_head(features)  # type: ignore[operator]
        right = logits.gather(1, labels[:, None]).squeeze(1)
        others = logits.scatter(1, labels[:, None], -float("inf")).amax(dim=1)
        return (1 + others - right).relu().mean()

    def generator(self, step: Step) -> Tensor:
        """Return ``generator_weight`` times the loss of fakes."""
        return self.generator_weight * super().generator(step)
