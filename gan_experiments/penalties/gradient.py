"""Scores and per-sample image gradients of the discriminator, for penalties."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_experiments.core.precision import in_float32


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
    """Return the differentiable gradient of each sample's score by its image, flattened: ``(B, C * H * W)``.

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
    return in_float32(gradient).flatten(1)
