"""Batches of real images: the part of one process, from any position in the order of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from gan_experiments.core.clock import Clock
from gan_experiments.core.contracts import Batch
from gan_experiments.data.order import Order
from gan_experiments.data.random_flip_crop import RandomFlipCrop


class Fetch(Protocol):
    """Access to the training images by number."""

    def __call__(self, numbers: Tensor) -> Batch:
        """Return the training images with these numbers, int64 ``(B,)``, counted from 0."""


class InMemory:
    """Fetches images from one tensor.

    Args:
        images: All images: uint8, ``(N, C, H, W)``.
        labels: Their labels: int64, ``(N,)``; ``None`` for unlabelled data.
        training: Indices of the training images: int64, ``(M,)``; ``None``: all.
        device: Device to keep the images on and to return batches on.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None,
        training: Tensor | None = None,
        device: torch.device | None = None,
    ) -> None:
        self._images = images.to(device)
        self._labels = None if labels is None else labels.to(device)
        self._training = training

    def __call__(self, numbers: Tensor) -> Batch:
        """Index images and labels."""
        indices = numbers if self._training is None else self._training[numbers]
        indices = indices.to(self._images.device, non_blocking=True)
        labels = None if self._labels is None else self._labels.index_select(0, indices)
        return Batch(self._images.index_select(0, indices), labels)


class Batches:
    """Endless batches of real images of one process; an iterator starts at the clock's position at that time.

    Args:
        fetch: Access to the training images.
        order: The order of the training images.
        clock: Holds the global batch size and the position to start from.
        rank: Index of this process; it gets the ``rank``-th block of every global batch.
        world_size: Number of processes that share a batch.
        transform: Random flips and crops; ``None``: none.
    """

    def __init__(
        self,
        fetch: Fetch,
        order: Order,
        clock: Clock,
        rank: int = 0,
        world_size: int = 1,
        transform: RandomFlipCrop | None = None,
    ) -> None:
        self._fetch = fetch
        self._order = order
        self._clock = clock
        self._rank = rank
        self._world_size = world_size
        self._transform = transform

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches of ``batch_size / world_size`` images."""
        share = self._clock.batch_size // self._world_size
        position = self._clock.images_seen + self._rank * share
        while True:
            batch = self._fetch(self._order.indices(position, share))
            transform = self._transform
            yield batch if transform is None else Batch(transform(batch.images, position), batch.labels)
            position += self._clock.batch_size
