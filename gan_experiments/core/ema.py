"""The moving average of the generator, in images seen."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn


class GeneratorEMA(nn.Module):
    """An exponential moving average of a network whose half-life is counted in images (Karras et al. 2018, section 3).

    It starts as a copy of the network. An update that comes ``images`` images after the last one keeps the share
    ``0.5 ** (images / half_life)`` of the average and takes the rest from the network. Buffers, such as the running
    statistics of batch norm, are copied.

    ``torch.optim.swa_utils.AveragedModel`` does the same, but asks the device twice per update for how many there
    have been, and so waits for a GPU in every step.

    Args:
        network: What is averaged. The averaged copy is ``module``: its keys in the state dict begin with ``module.``.
        half_life: Images after which an old weight counts half; 0 keeps the average equal to the network.
    """

    def __init__(self, network: nn.Module, half_life: float) -> None:
        super().__init__()
        self.module = deepcopy(network).requires_grad_(False)
        self.half_life = half_life

    @torch.no_grad()
    def update(self, network: nn.Module, images: int) -> None:
        """Average ``network`` in, ``images`` real images after the last update."""
        kept = 0.5 ** (images / self.half_life) if self.half_life > 0 else 0.0
        torch._foreach_lerp_(list(self.module.parameters()), list(network.parameters()), 1.0 - kept)
        buffers = list(self.module.buffers())
        if buffers:
            torch._foreach_copy_(buffers, list(network.buffers()))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Generate with the averaged network: ``(B, latent_dim)`` to ``(B, C, H, W)``."""
        images: Tensor = self.module(latents, labels)
        return images
