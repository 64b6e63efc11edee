"""Datasets that fit into memory: one uint8 tensor, indexed a batch at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_experiments.clock import Clock
from gan_experiments.contracts import Batch
from gan_experiments.data.sampler import Order
from gan_experiments.randomness import Stream
from gan_experiments.types import ConfigError, DataFacts


class ImageData(pl.LightningDataModule):
    """A dataset as one tensor. A subclass says its ``facts`` and how to ``load`` the images."""

    @property
    def facts(self) -> DataFacts:
        """What the networks are built from; known before any image is read where that is possible."""
        raise NotImplementedError

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Read all images, uint8 ``(N, C, H, W)``, and labels, int64 ``(N,)``, or ``None`` for unlabelled data."""
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        """Read the images, once."""
        _ = self._loaded

    @property
    def images(self) -> Tensor:
        """All images: uint8, ``(N, C, H, W)``."""
        return self._loaded[0]

    @property
    def labels(self) -> Tensor | None:
        """All labels: int64, ``(N,)``; ``None`` for unlabelled data."""
        return self._loaded[1]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every pixel and label: which data a result was obtained on."""
        digest = hashlib.blake2b(digest_size=16)
        for name, tensor in (("images", self.images), ("labels", self.labels)):
            if tensor is not None:
                digest.update(f"{name}{tuple(tensor.shape)}".encode())
                digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()

    def reference(self, count: int | None = None, seed: int = 0) -> Tensor:
        """Return the real images to compare with: all of them, or ``count`` that depend on ``seed`` alone.

        Raises:
            ConfigError: ``count`` is more than there are.
        """
        if count is None:
            return self.images
        if count > len(self.images):
            raise ConfigError(f"{count} reference images asked for, {self.facts.name} has {len(self.images)}")
        return self.images[Stream(seed, "reference").permutation(len(self.images))[:count]]

    def train_dataloader(self) -> Batches:
        """Return the endless batches of this process, from the module's clock on.

        Raises:
            ConfigError: The batch is larger than the dataset, or cannot be divided among the processes.
        """
        if self.trainer is None:
            raise RuntimeError("train_dataloader() needs a trainer: clock, seed and rank come from it")
        module: Any = self.trainer.lightning_module
        batch_size, processes = module.clock.batch_size, self.trainer.world_size
        if batch_size > len(self.images):
            found = f"{self.facts.name} has {len(self.images)} images"
            raise ConfigError(f"batch_size: {batch_size} is larger than the dataset ({found})")
        if batch_size % processes:
            raise ConfigError(f"batch_size: {batch_size} cannot be divided among {processes} processes")
        return Batches(
            *self._on(self.trainer.strategy.root_device),
            order=Order(len(self.images), module.seed),
            clock=module.clock,
            rank=self.trainer.global_rank,
            world_size=processes,
        )

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor | None]:
        return self.images.to(device), None if self.labels is None else self.labels.to(device)

    @cached_property
    def _loaded(self) -> tuple[Tensor, Tensor | None]:
        images, labels = self.load()
        return images.contiguous(), labels


class Batches:
    """Endless real batches of one process; each iterator starts where the clock stands then.

    Args:
        images: All images, where the batches are wanted: uint8, ``(N, C, H, W)``.
        labels: Their labels: int64, ``(N,)``; ``None`` for unlabelled data.
        order: The order in which they come.
        clock: Says the global batch size and where to start.
        rank: This process's place among ``world_size``; it gets the ``rank``-th block of every global batch.
        world_size: Number of processes that share the batch.
    """

    def __init__(
        self, images: Tensor, labels: Tensor | None, order: Order, clock: Clock, rank: int = 0, world_size: int = 1
    ) -> None:
        self._images = images
        self._labels = labels
        self._order = order
        self._clock = clock
        self._rank = rank
        self._world_size = world_size

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches of ``batch_size / world_size`` images."""
        share = self._clock.batch_size // self._world_size
        position = self._clock.images_seen + self._rank * share
        while True:
            chosen = self._order.indices(position, share).to(self._images.device, non_blocking=True)
            labels = None if self._labels is None else self._labels.index_select(0, chosen)
            yield Batch(self._images.index_select(0, chosen), labels)
            position += self._clock.batch_size
