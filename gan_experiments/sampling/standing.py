"""Standing statistics: those of batch norm, computed for evaluation from batches that a generator makes."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_experiments.core.contracts import Generator
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError
from gan_experiments.networks.batch_norm import SynchronizedBatchNorm
from gan_experiments.sampling.base import device_of


@torch.no_grad()
def with_standing_statistics(
    generator: Generator, batches: int, batch_size: int, seed: int, truncation: float | None = None
) -> Generator:
    """Return a copy in evaluation mode whose batch norm has the mean statistics of batches (Brock et al. 2019).

    A function of weights and seed: it does not matter how many processes there are. The given network stays as it is.
    Latents are truncated where images will be made from truncated ones.
    """
    copy = deepcopy(generator).eval()
    for norm in _batch_norms(copy):
        norm.reset_running_stats()
        norm.momentum = None  # all batches count alike
        norm.train()
        if isinstance(norm, SynchronizedBatchNorm):
            norm.alone = True
    for index in range(batches):
        stream = Stream(seed, "evaluation", "standing", index, device=device_of(copy))
        latents = stream.normal(batch_size, copy.latent_dim)
        labels = stream.integers(copy.facts.num_classes, batch_size) if copy.conditional else None
        copy(latents, labels) if truncation is None else copy.truncated(latents, truncation, labels)
    return copy.eval()


def refuse_standing(network: nn.Module, batches: int, key: str) -> None:
    """Refuse standing statistics of a network without batch norm or without latents.

    Raises:
        ConfigError: ``key`` asks for some.
    """
    reason = ""
    if batches < 0:
        reason = f"{batches} is not a number of batches >= 0"
    elif not isinstance(network, Generator):
        reason = f"{type(network).__name__} makes images from images, not from latents, which could be drawn"
    elif any(isinstance(module, nn.SyncBatchNorm) for module in network.modules()):
        reason = "torch.nn.SyncBatchNorm waits for other processes"
    elif not _batch_norms(network):
        reason = f"{type(network).__name__} has no batch norm here, whose statistics these would be"
    if batches and reason:
        raise ConfigError(f"{key}: {reason}; set {key}=0")


def standing_provenance(batches: int) -> dict[str, int]:
    """Return what the record of an evaluation says of standing statistics; nothing without them."""
    return {"standing_batches": batches} if batches else {}


def _batch_norms(network: nn.Module) -> list[_BatchNorm]:
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]
