"""WGAN-div: the Wasserstein divergence's gradient penalty."""

from __future__ import annotations

from torch import Tensor

from gan_experiments.core.contracts import Step
from gan_experiments.core.types import NonNegativeFloat, PositiveInt, Power
from gan_experiments.penalties.gradient import GradientPenalty, image_gradient
from gan_experiments.penalties.wgan_gp import between


class WGANDiv(GradientPenalty):
    """Gradient norms to a power, on the lines between reals and fakes (Wu et al. 2018, definition 1 and algorithm 1).

    There is no Lipschitz constant to keep: with the Wasserstein loss it is a divergence of the two distributions.

    Args:
        weight: k.
        interval: Apply in every ``interval``-th step.
        power: p, at least 2.
    """

    def __init__(self, weight: NonNegativeFloat = 2.0, interval: PositiveInt = 1, power: Power = 6.0) -> None:
        super().__init__(weight, interval)
        self.power = power

    def discriminator(self, step: Step) -> Tensor:
        """Return ``E ||grad D(a x + (1 - a) G(z))||^p``: ``a`` and the norm are per sample."""
        squared = image_gradient(step.discriminator, between(step), step.labels).square().sum(dim=1)
        return squared.pow(self.power / 2).mean()
