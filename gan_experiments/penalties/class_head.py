"""Base of the penalties that train a discriminator's class head, and the input of that."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.precision import in_float32


def head_input(step: Step, side: Literal["real", "fake"]) -> tuple[Tensor, Tensor]:
    """Return features ``(B, F)`` in float32 and labels ``(B,)`` of the reals or the fakes of a step.

    Raises:
        ValueError: The discriminator gives no features, or there are no labels.
    """
    real = side == "real"
    features, labels = (step.real_features, step.labels) if real else (step.fake_features, step.fake_labels)
    if features is None or labels is None:
        raise ValueError("a class head needs labels and a discriminator whose output is computed from features")
    return in_float32(features), labels


class ClassHeadPenalty(Penalty):
    """A term of what the class head makes of reals for the discriminator, and of fakes for the generator."""

    def of_head(self, step: Step, features: Tensor, labels: Tensor) -> Tensor:
        """Return the term, a scalar, of features ``(B, F)`` and labels ``(B,)``."""
        raise NotImplementedError

    def discriminator(self, step: Step) -> Tensor:
        """Return the term of reals."""
        return self.of_head(step, *head_input(step, "real"))

    def generator(self, step: Step) -> Tensor:
        """Return the term of fakes."""
        return self.of_head(step, *head_input(step, "fake"))
