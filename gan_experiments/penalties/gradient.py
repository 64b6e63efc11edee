"""Gradients of the discriminator with respect to images, one per sample, that can be differentiated again."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_experiments.core.precision import in_float32


def scores(output: Tensor) -> Tensor:
    """Return one number per sample, ``(B,)``: the output itself, or the mean of a patch map as the losses take it."""
    return in_float32(output).reshape(len(output), -1).mean(dim=1)


def realism(discriminator: nn.Module, output: Tensor) -> Tensor:
    """Return :func:`scores` that are larger for real, ``(B,)``: energies change their sign."""
    sign = -1 if getattr(discriminator, "output", "logits") == "energy" else 1
    return sign * scores(output)


def image_gradient(
    discriminator: nn.Module, images: Tensor, labels: Tensor | None, output: Tensor | None = None
) -> Tensor:
    """Return the gradient of each sample's score with respect to its image, flattened: ``(B, C * H * W)``.

    Args:
        discriminator: The discriminator.
        images: ``(B, C, H, W)``.
        labels: ``(B,)`` or ``None``.
        output: What the discriminator returned for ``images``, if that may be differentiated; else it runs again.
    """
    if output is None or not images.requires_grad:
        images = in_float32(images.detach()).requires_grad_(True)
        output = discriminator(images, labels)
    (gradient,) = torch.autograd.grad(scores(output).sum(), images, create_graph=True)
    return in_float32(gradient).flatten(1)
