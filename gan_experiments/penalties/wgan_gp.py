"""WGAN-GP: gradient penalty between reals and fakes."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.linalg import vector_norm
from torch.nn.functional import relu

from gan_experiments.core.contracts import Step
from gan_experiments.core.precision import in_float32
from gan_experiments.core.types import NonNegativeFloat, PositiveInt
from gan_experiments.penalties.gradient import GradientPenalty, image_gradient


def between(step: Step) -> Tensor:
    """Return one random point on the line from each real, or pack of reals, to its fake: ``(B, C, H, W)``."""
    packing = getattr(step.discriminator, "packing", 1)
    share = step.rng.uniform(len(step.real) // packing, 1, 1, 1).repeat_interleave(packing, dim=0)
    return share * in_float32(step.real.detach()) + (1 - share) * in_float32(step.fake)


class WGANGP(GradientPenalty):
    """Gradient norms of 1 on the lines between reals and fakes (Gulrajani et al. 2017, eq. 3).

    Args:
        weight: Factor of the term.
        interval: Apply in every ``interval``-th step.
        sided: ``"two"`` penalizes all norms other than 1, ``"one"`` those above 1 (Petzka, Fischer & Lukovnikov 2018).
    """

    def __init__(
        self, weight: NonNegativeFloat = 10.0, interval: PositiveInt = 1, sided: Literal["one", "two"] = "two"
    ) -> None:
        super().__init__(weight, interval)
        self.sided = sided

    def discriminator(self, step: Step) -> Tensor:
        """Return ``E (||grad D(a x + (1 - a) G(z))|| - 1)^2``: ``a`` and the norm are per sample.

        A conditional discriminator sees these images with the labels of the reals.
        """
        excess = vector_norm(image_gradient(step.discriminator, between(step), step.labels), dim=1) - 1
        return (relu(excess) if self.sided == "one" else excess).square().mean()
