"""Seeded random streams: every random number of a run is a function of the seed and a name."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def derive_seed(*keys: int | str) -> int:
    """Return a 63-bit seed that is a function of ``keys`` alone, the same on every machine."""
    text = "\x1f".join([f"{type(key).__name__}:{key}" for key in keys])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def seed_noise(seed: int, device: torch.device) -> None:
    """Seed the global random streams of the CPU and of ``device``, from which dropout and pixel noise are drawn.

    ``torch.manual_seed`` seeds every kind of device. For a kind that is not in use it queues the call with its stack
    trace, which is slow, and a memory leak if done in every step.
    """
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        getattr(torch, device.type).manual_seed(seed)


class Stream:
    """A random stream of numbers per sample, drawn on the CPU for the global batch; each rank takes its slice.

    Drawing on the CPU makes the numbers the same on every device; drawing the global batch makes them the same for any
    number of ranks. Rank ``r`` of ``n`` takes the ``r``-th contiguous block of the batch.

    Args:
        keys: What the numbers are a function of: the seed, then names and counters.
        rank: Rank of this process.
        world_size: Number of processes that share the batch.
        device: Device of the drawn tensors.
    """

    def __init__(
        self, *keys: int | str, rank: int = 0, world_size: int = 1, device: torch.device | str = "cpu"
    ) -> None:
        self._keys = keys
        self._rank = rank
        self._world_size = world_size
        self._device = device
        self._seeded: torch.Generator | None = None

    @property
    def _generator(self) -> torch.Generator:
        if self._seeded is None:  # many streams are never drawn from
            self._seeded = torch.Generator().manual_seed(derive_seed(*self._keys))
        return self._seeded

    def normal(self, batch: int, *shape: int) -> Tensor:
        """Draw standard normal numbers: ``(batch, *shape)``, float32; ``batch`` counts the samples of this rank."""
        return self._slice(torch.randn(batch * self._world_size, *shape, generator=self._generator), batch)

    def uniform(self, batch: int, *shape: int) -> Tensor:
        """Draw numbers from [0, 1): ``(batch, *shape)``, float32."""
        return self._slice(torch.rand(batch * self._world_size, *shape, generator=self._generator), batch)

    def integers(self, high: int, batch: int, *shape: int) -> Tensor:
        """Draw integers from [0, high): ``(batch, *shape)``, int64."""
        drawn = torch.randint(high, (batch * self._world_size, *shape), generator=self._generator)
        return self._slice(drawn, batch)

    def permutation(self, count: int) -> Tensor:
        """Draw a permutation of ``count`` items, the same on every rank: ``(count,)``, int64, on the CPU."""
        return torch.randperm(count, generator=self._generator)

    def _slice(self, drawn: Tensor, batch: int) -> Tensor:
        share = drawn if self._world_size == 1 else drawn[self._rank * batch : (self._rank + 1) * batch]
        return share.to(self._device, non_blocking=True)
