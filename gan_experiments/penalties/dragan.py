"""DRAGAN: gradient penalty around real images."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.linalg import vector_norm

from gan_experiments.core.contracts import Step
from gan_experiments.core.distributed import mean_over_processes
from gan_experiments.core.precision import in_float32
from gan_experiments.penalties.gradient import GradientPenalty, image_gradient


class DRAGAN(GradientPenalty):
    """Gradient norms of 1 near the reals (Kodali et al. 2017; noise as in the authors' code)."""

    couples_batch: ClassVar[bool] = True
    gathers_batch: ClassVar[bool] = True

    def discriminator(self, step: Step) -> Tensor:
        """Return ``E (||grad D(x + a 0.5 std(x) u)|| - 1)^2``.

        ``a`` is uniform per sample and ``u`` uniform per pixel, both in [0, 1); ``std`` is over the global batch.
        """
        real = in_float32(step.real.detach())
        batch, *shape = real.shape
        mean, mean_square = mean_over_processes(torch.stack([real.mean(), real.square().mean()]))
        deviation = (mean_square - mean.square()).clamp(min=0).sqrt()
        distance = step.rng.uniform(batch, 1, 1, 1)
        images = real + distance * 0.5 * deviation * step.rng.uniform(batch, *shape)
        norms = vector_norm(image_gradient(step.discriminator, images, step.labels), dim=1)
        penalty: Tensor = (norms - 1).square().mean()
        return penalty
