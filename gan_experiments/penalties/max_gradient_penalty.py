"""Maximum gradient penalty (Lipschitz GANs)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.distributed import gathered
from gan_experiments.core.types import NonNegativeFloat, PositiveInt
from gan_experiments.penalties.gradient import image_gradient
from gan_experiments.penalties.wgan_gp import between


class MaxGradientPenalty(Penalty):
    """The largest squared gradient norm on the lines between reals and fakes (Zhou et al. 2019, Lipschitz GANs).

    Args:
        weight: Factor of the term.
        interval: Apply in every ``interval``-th step.
    """

    second_order: ClassVar[bool] = True
    needs_per_sample_gradients: ClassVar[bool] = True
    couples_batch: ClassVar[bool] = True
    gathers_batch: ClassVar[bool] = True
    kind: ClassVar[str] = "gradient_norm"

    def __init__(self, weight: NonNegativeFloat = 10.0, interval: PositiveInt = 1) -> None:
        super().__init__(weight, interval)

    def discriminator(self, step: Step) -> Tensor:
        """Return ``max ||grad D||^2``, the norm per sample, the maximum over the batch of all processes."""
        gradient = image_gradient(step.discriminator, between(step), step.labels)
        return gathered(gradient.square().sum(dim=1)).max()
