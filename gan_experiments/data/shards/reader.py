"""Random access to the images in tar shards, decoded by threads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from gan_experiments.core.contracts import Batch
from gan_experiments.core.escape import printable
from gan_experiments.core.types import ConfigError
from gan_experiments.data.files.framing import Framing
from gan_experiments.data.files.pictures import Opener, Picture, open_picture
from gan_experiments.data.files.unreadable import problem, refuse
from gan_experiments.data.shards.index import ShardIndex

_MAX_OPEN = 64  # shards; more than one batch reads


class ShardFiles:
    """The tar files of an index, opened when they are first read; thread-safe."""

    def __init__(self, index: ShardIndex) -> None:
        self._index = index
        self._open: dict[int, BinaryIO] = {}
        self._lock = threading.Lock()

    def content(self, index: int) -> bytes:
        """Return the bytes of the image file at ``index``."""
        shard = int(self._index.shard_of(torch.tensor(index)))
        with self._lock:
            if shard not in self._open:
                self._open[shard] = self._index.shards[shard].open("rb")
            file = self._open[shard]
        return _content(file, self._index, index)

    def close_some(self) -> None:
        """Close the shards opened first, so that few stay open; no other thread may be reading."""
        while len(self._open) > _MAX_OPEN:
            self._open.pop(next(iter(self._open))).close()


@contextmanager
def opened(index: ShardIndex, indices: Mapping[str, int]) -> Iterator[Opener]:
    """Yield a function that opens images by name; ``indices`` maps names to indices.

    It opens the shard of each image anew: thousands, as of images spread over all of them, could not all stay open.
    """

    def open_(name: str) -> Picture:
        number = indices[name]
        with index.shards[int(index.shard_of(torch.tensor(number)))].open("rb") as file:
            return open_picture(_content(file, index, number))

    yield open_


def _content(file: BinaryIO, index: ShardIndex, number: int) -> bytes:
    entry = index.entries[number]
    return os.pread(file.fileno(), int(entry["size"]), int(entry["offset"]))


class ShardReader:
    """Fetches images from shards, decoded by several threads.

    An image that turns out to be damaged is reported, and replaced by the next training image that can be read; so
    the images depend on their numbers alone.

    Args:
        index: Index of the images.
        framing: How an image file becomes pixels.
        max_bad: Number of unreadable images to tolerate, including those that the index has skipped.
        training: Indices of the training images: int64, ``(M,)``; ``None``: all.
        workers: Number of threads.
    """

    def __init__(
        self, index: ShardIndex, framing: Framing, max_bad: int, training: Tensor | None = None, workers: int = 1
    ) -> None:
        self._index = index
        self._framing = framing
        self._max_bad = max_bad
        self._training = training
        self._workers = workers
        self._count = len(index.entries) if training is None else len(training)
        self._files = ShardFiles(index)
        self._bad: dict[int, str] = {}
        self._lock = threading.Lock()

    def __call__(self, numbers: Tensor) -> Batch:
        """Read, decode, crop and resize the images.

        Raises:
            ConfigError: Too many images are unreadable.
        """
        images = np.empty((len(numbers), *self._framing.shape), self._framing.dtype)
        self._files.close_some()
        requested = numbers.tolist()

        def fill(worker: int) -> list[int]:
            return [self._fill(images[row], requested[row]) for row in range(worker, len(requested), self._workers)]

        indices = np.empty(len(requested), np.int64)
        for worker, read in enumerate(self._pool.map(fill, range(self._workers))):
            indices[worker :: self._workers] = read
        if not self._index.class_sizes:
            return Batch(torch.from_numpy(images), None)
        labels = self._index.entries["label"][indices].astype(np.int64)
        return Batch(torch.from_numpy(images), torch.from_numpy(labels))

    def _fill(self, pixels: np.ndarray, number: int) -> int:
        """Fill in the pixels of an image, or of the next one that can be read; return its index."""
        for offset in range(self._count):
            candidate = (number + offset) % self._count
            index = candidate if self._training is None else int(self._training[candidate])
            if index in self._bad:
                continue
            try:
                with open_picture(self._files.content(index)) as image:
                    pixels[:] = self._framing(image)
            except Exception as error:  # Pillow raises exceptions of many types for damaged files
                self._report(index, problem(error))
            else:
                return index
        raise ConfigError("dataset: none of the images can be read")

    def _report(self, index: int, reason: str) -> None:
        name = self._index.name(index)
        with self._lock:
            if index in self._bad:
                return
            self._bad[index] = reason
            bad = {self._index.name(other): text for other, text in self._bad.items()} | self._index.skipped
        refuse(bad, len(self._index.entries) + len(self._index.skipped), self._max_bad)
        text = f"{printable(name)} cannot be read ({reason}) and is replaced by the next image"
        print(f"Warning: {text}", file=sys.stderr)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._workers)
