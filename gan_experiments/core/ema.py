"""Exponential moving average (EMA) of the generator, with a half-life in images."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


class GeneratorEMA(nn.Module):
    """Exponential moving average of a network's weights, with a half-life in images (Karras et al. 2018, section 3).

    It starts as a copy of the network. An update ``images`` images after the last one computes
    ``d * average + (1 - d) * network`` with ``d = 0.5 ** (images / half_life)``, a function of the images seen alone.
    Buffers, such as the running statistics of batch norm, are copied, as in StyleGAN2-ADA; BigGAN-PyTorch and
    PyTorch-StudioGAN average them.

    ``torch.optim.swa_utils.AveragedModel`` reads its update counter from the device twice per update, which makes every
    step wait for the GPU; this class does not.

    Args:
        network: The network to average. The averaged copy is ``module``; its state dict keys start with ``module.``.
        half_life: Half-life in images; 0 keeps the average equal to the network.
        start: Images seen until which the average equals the network (BigGAN-PyTorch: 20,000 steps).
        rampup: Largest half-life as a share of the images seen (StyleGAN2-ADA: 0.05); ``None``: no limit.
    """

    def __init__(self, network: nn.Module, half_life: float, start: int = 0, rampup: float | None = None) -> None:
        super().__init__()
        self.module = deepcopy(network).requires_grad_(False)
        self.half_life = half_life
        self.start = start
        self.rampup = rampup
        self._tensors: dict[nn.Module, tuple[list[Tensor], ...]] = {}  # looking for them takes longer than averaging

    @torch.no_grad()
    def update(self, network: nn.Module, images: int, images_seen: float = math.inf) -> None:
        """Update the average with ``network``, ``images`` images after the last update.

        ``images_seen`` is the clock before this step.
        """
        half_life = self.half_life if self.rampup is None else min(self.half_life, self.rampup * images_seen)
        averages = half_life > 0 and images_seen >= self.start
        kept = 0.5 ** (images / half_life) if averages else 0.0
        if network not in self._tensors:
            both = self.module, network
            self._tensors = {network: tuple(list(of()) for part in both for of in (part.parameters, part.buffers))}
        averages_of, buffers, weights, new_buffers = self._tensors[network]
        torch._foreach_lerp_(averages_of, weights, 1.0 - kept)
        if buffers:
            torch._foreach_copy_(buffers, new_buffers)

    def _apply(self, *arguments: Any, **options: Any) -> GeneratorEMA:
        """Move or convert the average, which replaces its buffers."""
        self._tensors = {}
        moved: GeneratorEMA = super()._apply(*arguments, **options)  # type: ignore[no-untyped-call]
        return moved

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Call the averaged network: latents ``(B, latent_dim)`` to images ``(B, C, H, W)``."""
        images: Tensor = self.module(latents, labels)
        return images
