"""R2: zero-centered gradient penalty at fake images."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.types import NonNegativeFloat, PositiveInt
from gan_experiments.penalties.gradient import image_gradient


class R2(Penalty):
    """Half the mean squared gradient norm at fakes; ``weight`` is gamma (Mescheder, Geiger & Nowozin 2018, eq. 10).

    The partner of ``r1`` (both in Huang et al. 2024); it differentiates the pass that the loss made anyway.

    Args:
        weight: Gamma.
        interval: Apply in every ``interval``-th step.
        before_augmentation: Differentiate by the images before augmentation, as StyleGAN2-ADA and R3GAN do, instead of
            those that the discriminator sees: gamma then means another strength, by the augmentation's own Jacobian.
    """

    differentiates_fake: ClassVar[bool] = True
    second_order: ClassVar[bool] = True

    def __init__(
        self, weight: NonNegativeFloat = 1.0, interval: PositiveInt = 4, before_augmentation: bool = False
    ) -> None:
        super().__init__(weight, interval)
        self.before_augmentation = before_augmentation

    def discriminator(self, step: Step) -> Tensor:
        """Return ``1/2 E ||grad D(G(z))||^2``, the norm per sample over all pixels."""
        output = step.fake_output if step.full_precision else None
        at = step.clean_fake if self.before_augmentation else None
        gradient = image_gradient(step.discriminator, step.fake, step.fake_labels, output, at)
        return gradient.square().sum(dim=1).mean() / 2
