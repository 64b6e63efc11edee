"""Maximum gradient penalty (Lipschitz GANs)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gan_experiments.core.contracts import Step
from gan_experiments.core.distributed import gathered
from gan_experiments.penalties.gradient import GradientPenalty, image_gradient
from gan_experiments.penalties.wgan_gp import between


class MaxGradientPenalty(GradientPenalty):
    """The largest squared gradient norm on the lines between reals and fakes (Zhou et al. 2019, Lipschitz GANs)."""

    couples_batch: ClassVar[bool] = True
    gathers_batch: ClassVar[bool] = True

    def discriminator(self, step: Step) -> Tensor:
        """Return ``max ||grad D||^2``, the norm per sample, the maximum over the batch of all processes."""
        gradient = image_gradient(step.discriminator, between(step), step.labels)
        return gathered(gradient.square().sum(dim=1)).max()
