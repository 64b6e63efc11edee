"""From places in the order of a run to its batches."""

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
    """Has the images that a run is trained on."""

    def __call__(self, numbers: Tensor) -> Batch:
        """Return those of these numbers, int64 ``(B,)``, counted from 0 among the images trained on."""


class Resident:
    """Fetches images out of one tensor.

    Args:
        images: All images: uint8, ``(N, C, H, W)``.
        labels: Their labels: int64, ``(N,)``; ``None`` for unlabelled data.
        chosen: Those that are trained on: int64, ``(M,)``; ``None``: all.
        device: Where they lie, and where batches are wanted.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None,
        chosen: Tensor | None = None,
        device: torch.device | None = None,
    ) -> None:
        self._images = images.to(device)
        self._labels = None if labels is None else labels.to(device)
        self._chosen = chosen

    def __call__(self, numbers: Tensor) -> Batch:
        """Index both tensors."""
        places = numbers if self._chosen is None else self._chosen[numbers]
        places = places.to(self._images.device, non_blocking=True)
        labels = None if self._labels is None else self._labels.index_select(0, places)
        return Batch(self._images.index_select(0, places), labels)


class Batches:
    """Endless real batches of one process; each iterator starts where the clock stands then.

    Args:
        fetch: Has the images.
        order: The order in which they come.
        clock: Says the global batch size and where to start.
        rank: This process's place among ``world_size``; it gets the ``rank``-th block of every global batch.
        world_size: Number of processes that share the batch.
        views: How they are shown; ``None``: as they are.
    """

    def __init__(
        self,
        fetch: Fetch,
        order: Order,
        clock: Clock,
        rank: int = 0,
        world_size: int = 1,
        views: RandomFlipCrop | None = None,
    ) -> None:
        self._fetch = fetch
        self._order = order
        self._clock = clock
        self._rank = rank
        self._world_size = world_size
        self._views = views

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches of ``batch_size / world_size`` images."""
        share = self._clock.batch_size // self._world_size
        position = self._clock.images_seen + self._rank * share
        while True:
            batch = self._fetch(self._order.indices(position, share))
            yield batch if self._views is None else Batch(self._views(batch.images, position), batch.labels)
            position += self._clock.batch_size
