"""The moving average of the generator, in images seen."""

from __future__ import annotations

import math
from copy import deepcopy

import torch
from torch import Tensor, nn


class GeneratorEMA(nn.Module):
    """An exponential moving average of a network whose half-life is counted in images (Karras et al. 2018, section 3).

    It starts as a copy of the network. An update that comes ``images`` images after the last one keeps the share
    ``0.5 ** (images / half_life)`` of the average and takes the rest from the network.

    Buffers, such as the running statistics of batch norm, are copied in every update, as by StyleGAN2-ADA;
    BigGAN-PyTorch and PyTorch-StudioGAN average them. What an update does is a function of the images seen, so a run
    that was interrupted averages as one that was not.

    ``torch.optim.swa_utils.AveragedModel`` does the same, but asks the device twice per update for how many there
    have been, and so waits for a GPU in every step.

    Args:
        network: What is averaged. The averaged copy is ``module``: its keys in the state dict begin with ``module.``.
        half_life: Images after which an old weight counts half; 0 keeps the average equal to the network.
        start: Images seen until which the average equals the network (BigGAN-PyTorch: 20,000 steps).
        rampup: Largest half-life as a share of the images seen (StyleGAN2-ADA: 0.05); ``None`` sets no bound.
    """

    def __init__(self, network: nn.Module, half_life: float, start: int = 0, rampup: float | None = None) -> None:
        super().__init__()
        self.module = deepcopy(network).requires_grad_(False)
        self.half_life = half_life
        self.start = start
        self.rampup = rampup

    @torch.no_grad()
    def update(self, network: nn.Module, images: int, images_seen: float = math.inf) -> None:
        """Average ``network`` in, ``images`` real images after the last update; ``images_seen`` before this step."""
        half_life = self.half_life if self.rampup is None else min(self.half_life, self.rampup * images_seen)
        averages = half_life > 0 and images_seen >= self.start
        kept = 0.5 ** (images / half_life) if averages else 0.0
        torch._foreach_lerp_(list(self.module.parameters()), list(network.parameters()), 1.0 - kept)
        buffers = list(self.module.buffers())
        if buffers:
            torch._foreach_copy_(buffers, list(network.buffers()))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Generate with the averaged network: ``(B, latent_dim)`` to ``(B, C, H, W)``."""
        images: Tensor = self.module(latents, labels)
        return images
