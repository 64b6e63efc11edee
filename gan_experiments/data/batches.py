"""Batches of real images: the part of one process, from any position in the order of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat

import torch
from torch import Tensor

from gan_experiments.core.clock import Clock
from gan_experiments.core.contracts import Batch
from gan_experiments.data.order import Order
from gan_experiments.data.random_flip_crop import RandomFlipCrop

BLOCK_BYTES = 2**17  # that are fetched together; of more, fetching is not what takes time
ALIGNMENT = 64  # bytes, of every tensor that torch allocates on the CPU

Fetch = Callable[[Tensor], Batch]  # returns the training images with these numbers, int64 (B,), counted from 0


class InMemory:
    """Fetches images from one tensor.

    Args:
        images: All images: uint8, ``(N, C, H, W)``.
        labels: Their labels: int64, ``(N,)``; ``None`` for unlabelled data.
        training: Indices of the training images: int64, ``(M,)``; ``None``: all.
        device: Device to keep the images on and to return batches on.
    """

    def __init__(
        self, images: Tensor, labels: Tensor | None, training: Tensor | None = None, device: torch.device | None = None
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


def batches_at_once(batch_bytes: int) -> int:
    """Return how many batches of a set in memory to fetch together.

    A batch must start where a tensor of its own would: matrix products may depend on the alignment of their input.
    """
    return max(1, BLOCK_BYTES // batch_bytes) if batch_bytes % ALIGNMENT == 0 else 1


class Batches:
    """Endless batches of real images of one process; an iterator starts at the clock's position at that time.

    Args:
        fetch: Access to the training images.
        order: The order of the training images.
        clock: Holds the global batch size and the position to start from.
        rank: Index of this process; it gets the ``rank``-th block of every global batch.
        world_size: Number of processes that share a batch.
        transform: Random flips and crops; ``None``: none.
        block: Batches that are fetched at once, if the process is alone: they are parts of one tensor.
    """

    def __init__(
        self,
        fetch: Fetch,
        order: Order,
        clock: Clock,
        rank: int = 0,
        world_size: int = 1,
        transform: RandomFlipCrop | None = None,
        block: int = 1,
    ) -> None:
        self._fetch = fetch
        self._order = order
        self._clock = clock
        self._rank = rank
        self._world_size = world_size
        self._transform = transform
        self._block = block if world_size == 1 else 1  # of several processes each takes a part of every batch

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches of ``batch_size / world_size`` images."""
        share = self._clock.batch_size // self._world_size
        position = self._clock.images_seen + self._rank * share
        while True:
            block = self._fetch(self._order.indices(position, self._block * share))
            labels: Iterable[Tensor | None] = repeat(None) if block.labels is None else torch.split(block.labels, share)
            for images, its_labels in zip(torch.split(block.images, share), labels, strict=False):
                transform = self._transform
                yield Batch(images if transform is None else transform(images, position), its_labels)
                position += self._clock.batch_size
