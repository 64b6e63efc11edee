"""Scores and per-sample image gradients of the discriminator, and the base of penalties of their norms."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm

from gan_experiments.core.contracts import Penalty
from gan_experiments.core.precision import in_float32
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import NonNegativeFloat, PositiveInt


class GradientPenalty(Penalty):
    """A term of the norm of the gradient of each score by its image.

    Args:
        weight: Factor of the term.
        interval: Apply in every ``interval``-th step.
    """

    second_order: ClassVar[bool] = True
    needs_per_sample_gradients: ClassVar[bool] = True
    kind: ClassVar[str] = "gradient_norm"

    def __init__(self, weight: NonNegativeFloat = 10.0, interval: PositiveInt = 1) -> None:
        super().__init__(weight, interval)


def scores(output: Tensor) -> Tensor:
    """Return one score per sample, ``(B,)``: the output itself, or the mean of a patch map, as in the losses."""
    return in_float32(output).reshape(len(output), -1).mean(dim=1)


def realism(discriminator: nn.Module, output: Tensor) -> Tensor:
    """Return :func:`scores` with a sign such that larger is more real, ``(B,)``: energies are negated."""
    sign = -1 if getattr(discriminator, "output", "logits") == "energy" else 1
    return sign * scores(output)


def image_gradient(
    discriminator: nn.Module,
    images: Tensor,
    labels: Tensor | None,
    output: Tensor | None = None,
    at: Tensor | None = None,
) -> Tensor:
    """Return the differentiable gradient of each score by its image, flattened: ``(B, C * H * W)``.

    Of a discriminator that sees packs of images, it is that by all images of the pack: ``(B / packing, -1)``.

    Args:
        discriminator: The discriminator.
        images: ``(B, C, H, W)``.
        labels: ``(B,)`` or ``None``.
        output: The discriminator's output for ``images``, if it may be differentiated; otherwise it is computed again.
        at: The images before augmentation, from which ``images`` were computed, to differentiate by instead.
    """
    if output is None or not images.requires_grad:
        images = in_float32(images)
        if not images.requires_grad:  # if it does, as unrolled fakes do, the gradient is to reach what made them
            images = images.detach().requires_grad_(True)
        output = discriminator(images, labels)
    (gradient,) = torch.autograd.grad(scores(output).sum(), images if at is None else at, create_graph=True)
    return in_float32(gradient).reshape(len(output), -1)


def squared_slope(
    discriminator: nn.Module,
    images: Tensor,
    labels: Tensor | None,
    output: Tensor | None,
    epsilon: float,
    rng: Stream,
) -> Tensor:
    """Return the mean squared norm of the gradient of scores by images, from finite differences, a scalar.

    ``E (D(x + e) - D(x))^2 / epsilon^2`` over noise ``e ~ N(0, epsilon^2 I)``: equal to ``E ||grad D||^2`` for a linear
    discriminator, with an error of order ``epsilon^2`` otherwise. It needs first derivatives only.

    With spectral normalization both outputs are of one pass: every pass improves the singular values that weights are
    divided by, and the difference of two would be that of the weights, divided by ``epsilon``.

    Args:
        discriminator: The discriminator.
        images: ``(B, C, H, W)``; a gradient reaches them if they are a function of others, as unrolled fakes are.
        labels: ``(B,)`` or ``None``.
        output: The discriminator's output for ``images`` in float32; if ``None``, or if it cannot be compared with that
            of another pass, it is computed again.
        epsilon: Standard deviation of the noise.
        rng: Draws the noise, per sample.
    """
    images = in_float32(images if images.grad_fn is not None else images.detach())
    noise = rng.normal(len(images), *images.shape[1:]).to(images.device)
    if any(isinstance(module, _SpectralNorm) and module.training for module in discriminator.modules()):
        twice = None if labels is None else torch.cat([labels, labels])
        output, moved = scores(discriminator(torch.cat([images, images + epsilon * noise]), twice)).chunk(2)
        return ((moved - output) / epsilon).square().mean()
    output = discriminator(images, labels) if output is None else output
    moved = discriminator(images + epsilon * noise, labels)
    return ((scores(moved) - scores(output)) / epsilon).square().mean()
