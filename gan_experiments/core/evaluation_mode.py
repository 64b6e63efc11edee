"""Runs networks in evaluation mode, and leaves every module of them in the mode that it had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@torch.no_grad()
def generated(network: nn.Module, latents: Tensor, labels: Tensor | None) -> Tensor:
    """Return what a generator makes in evaluation mode: ``(N, C, H, W)`` in [-1, 1]."""
    with evaluation_mode(network):
        images: Tensor = network(latents, labels)
    return images


@contextmanager
def evaluation_mode(*networks: nn.Module) -> Iterator[None]:
    """Put networks into evaluation mode during a block; afterwards every module has the mode that it had before."""
    modes = [(module, module.training) for network in networks for module in network.modules()]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
