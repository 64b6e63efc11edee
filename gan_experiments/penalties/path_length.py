"""Path length regularization of the generator (StyleGAN2)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

from gan_experiments.core.contracts import Generator, Penalty, Step
from gan_experiments.core.distributed import mean_over_processes
from gan_experiments.core.precision import in_float32
from gan_experiments.core.types import Fraction, NonNegativeFloat, PositiveInt


class PathLength(Penalty):
    """Steps of equal length in latent space should change images equally (Karras et al. 2020, StyleGAN2, eq. 4).

    The latent space is that of ``w`` if the generator has a method ``mapping(latents, labels)`` or its own ``styles``,
    whose output ``synthesize`` takes, otherwise that of ``z``. The target is a moving average of the lengths that
    starts at 0, as published. Here it is a constant; in the authors' code the share that the lengths of the batch have
    in it is differentiated too.

    Args:
        weight: Factor of the term.
        interval: Apply in every ``interval``-th step.
        decay: Weight of a new batch in the moving average.
        batch_shrink: Use only every ``batch_shrink``-th sample.
    """

    second_order: ClassVar[bool] = True
    needs_latents: ClassVar[bool] = True
    couples_batch: ClassVar[bool] = True
    gathers_batch: ClassVar[bool] = True
    target: Tensor

    def __init__(
        self,
        weight: NonNegativeFloat = 2.0,
        interval: PositiveInt = 4,
        decay: Fraction = 0.01,
        batch_shrink: PositiveInt = 2,
    ) -> None:
        super().__init__(weight, interval)
        self.decay = decay
        self.batch_shrink = batch_shrink
        self.register_buffer("target", torch.zeros(()))

    def generator(self, step: Step) -> Tensor:
        """Return ``E (||J^T y|| - target)^2`` for images ``y`` of noise, scaled by ``1 / sqrt(H W)``."""
        labels = step.fake_labels
        points, images = _generate(
            step.generator,
            in_float32(step.latents.detach())[:: self.batch_shrink],
            None if labels is None else labels[:: self.batch_shrink],
        )
        batch, *shape = images.shape
        noise = step.rng.normal(batch, *shape) / (shape[-1] * shape[-2]) ** 0.5
        (product,) = torch.autograd.grad((images * noise).sum(), points, create_graph=True)
        # w may have one vector per layer: squared lengths are averaged over layers
        layers = product[0].numel() // product.shape[-1]
        lengths = vector_norm(product.flatten(1), dim=1) / layers**0.5
        with torch.no_grad():
            self.target += self.decay * (mean_over_processes(lengths.mean()) - self.target)
        penalty: Tensor = (lengths - self.target.clone()).square().mean()
        return penalty


def _generate(generator: nn.Module, latents: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return points of latent space ``(B, ..., D)`` and the images ``(B, C, H, W)`` generated from them."""
    latents = latents.requires_grad_(True)
    kind = type(generator)  # not the instance: a layer can be called mapping
    mapping: Any = getattr(kind, "mapping", getattr(kind, "styles", Generator.styles))
    if mapping is not Generator.styles:
        points = mapping(generator, latents, labels)
        return points, in_float32(generator.synthesize(points, labels))  # type: ignore[operator]
    return latents, in_float32(generator(latents, labels))
