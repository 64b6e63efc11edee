"""Latent consistency regularization (zCR)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.precision import in_float32
from gan_experiments.core.types import NonNegativeFloat, PositiveFloat, PositiveInt
from gan_experiments.penalties.gradient import scores


class ZCR(Penalty):
    """Nearby latents should give different images with equal scores (Zhao et al. 2021, latent consistency).

    Together with ``bcr`` it is ICR. It generates its own pairs, without augmentation.

    Args:
        weight: Factor of both terms.
        interval: Apply in every ``interval``-th step.
        sigma: Standard deviation of the noise that is added to a latent.
        discriminator_weight: Weight of the squared distance of scores, which the discriminator minimizes.
        generator_weight: Weight of the squared distance of images, which the generator maximizes.
    """

    needs_latents: ClassVar[bool] = True

    def __init__(
        self,
        weight: NonNegativeFloat = 1.0,
        interval: PositiveInt = 1,
        sigma: PositiveFloat = 0.05,
        discriminator_weight: NonNegativeFloat = 20.0,
        generator_weight: NonNegativeFloat = 0.5,
    ) -> None:
        super().__init__(weight, interval)
        self.sigma = sigma
        self.discriminator_weight = discriminator_weight
        self.generator_weight = generator_weight

    def discriminator(self, step: Step) -> Tensor:
        """Return ``discriminator_weight E (D(G(z)) - D(G(z + e)))^2``."""
        with torch.set_grad_enabled(step.fake.grad_fn is not None):  # only an unrolled step's fakes have one
            images = self._neighbours(step)
        output, near = scores(step.discriminator(images, _twice(step.fake_labels))).chunk(2)
        return self.discriminator_weight * (output - near).square().mean()

    def generator(self, step: Step) -> Tensor:
        """Return ``-generator_weight E (G(z) - G(z + e))^2``, the mean over samples and pixels."""
        images, near = self._neighbours(step).chunk(2)
        return -self.generator_weight * (images - near).square().mean()

    def _neighbours(self, step: Step) -> Tensor:
        """Return images of the latents, then of their neighbours: ``(2B, C, H, W)``, one batch for batch norm."""
        latents = in_float32(step.latents.detach())
        near = latents + self.sigma * step.rng.normal(*latents.shape)
        images: Tensor = step.generator(torch.cat([latents, near]), _twice(step.fake_labels))
        return in_float32(images)


def _twice(labels: Tensor | None) -> Tensor | None:
    return None if labels is None else torch.cat([labels, labels])
