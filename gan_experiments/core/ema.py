"""Exponential moving average (EMA) of the generator, with a half-life in images."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn


class GeneratorEMA(nn.Module):
    """Exponential moving average of a network's weights, with a half-life in images (Karras et al. 2018, section 3).

    It starts as a copy of the network. An update ``images`` images after the last one computes
    ``d * average + (1 - d) * network`` with ``d = 0.5 ** (images / half_life)``. Buffers, such as the running
    statistics of batch norm, are copied.

    ``torch.optim.swa_utils.AveragedModel`` reads its update counter from the device twice per update, which makes every
    step wait for the GPU; this class does not.

    Args:
        network: The network to average. The averaged copy is ``module``; its state dict keys start with ``module.``.
        half_life: Half-life in images; 0 keeps the average equal to the network.
    """

    def __init__(self, network: nn.Module, half_life: float) -> None:
        super().__init__()
        self.module = deepcopy(network).requires_grad_(False)
        self.half_life = half_life

    @torch.no_grad()
    def update(self, network: nn.Module, images: int) -> None:
        """Update the average with ``network``, ``images`` images after the last update."""
        kept = 0.5 ** (images / self.half_life) if self.half_life > 0 else 0.0
        torch._foreach_lerp_(list(self.module.parameters()), list(network.parameters()), 1.0 - kept)
        buffers = list(self.module.buffers())
        if buffers:
            torch._foreach_copy_(buffers, list(network.buffers()))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Call the averaged network: latents ``(B, latent_dim)`` to images ``(B, C, H, W)``."""
        images: Tensor = self.module(latents, labels)
        return images
