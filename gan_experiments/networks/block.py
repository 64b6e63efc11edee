"""Blocks of networks, whose activations can be computed again in the backward pass instead of being kept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from gan_experiments.core.types import ConfigError


class Block(nn.Module):
    """A block of a network; with ``recomputes`` it keeps its input only (activation checkpointing, Chen et al. 2016).

    Gradients are the same bits, second derivatives as well: buffers and random numbers are those of the first pass.
    """

    recomputes: bool = False

    def __call__(self, *inputs: Any) -> Any:
        """Call ``forward``."""
        if not (self.recomputes and torch.is_grad_enabled()):
            return super().__call__(*inputs)
        contexts = partial(_contexts, self)
        return checkpoint(super().__call__, *inputs, use_reentrant=False, context_fn=contexts)


class _Buffers:
    """A context, to be entered any number of times, in which buffers have the values that they have now."""

    # Spectral normalization and batch norm change buffers in every pass: the second one would compute something else.

    def __init__(self, block: nn.Module) -> None:
        self._before = [(module, _copied(module._buffers)) for module in block.modules() if module._buffers]
        self._outside: list[dict[str, Any]] = []

    def __enter__(self) -> None:
        self._outside = [module._buffers for module, _ in self._before]
        for module, buffers in self._before:
            module._buffers = _copied(buffers)

    def __exit__(self, *error: object) -> None:
        for (module, _), buffers in zip(self._before, self._outside, strict=True):
            module._buffers = buffers


def recompute_blocks(networks: Mapping[str, nn.Module]) -> None:
    """Let all blocks of networks compute their activations again in the backward pass.

    Raises:
        ConfigError: There are no blocks.
    """
    blocks = [module for network in networks.values() for module in network.modules() if isinstance(module, Block)]
    if not blocks:
        names = " and ".join(type(network).__name__ for network in networks.values())
        raise ConfigError(f"model.activation_checkpointing: {names} have no blocks; set it to false")
    for block in blocks:
        block.recomputes = True


def _contexts(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _Buffers(block)


def _copied(buffers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if buffer is None else buffer.clone() for name, buffer in buffers.items()}
