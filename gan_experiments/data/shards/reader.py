"""Reads images out of tar shards by their place, and decodes them."""

from __future__ import annotations

import io
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
from PIL import Image
from torch import Tensor

from gan_experiments.core.contracts import Batch
from gan_experiments.core.types import ConfigError
from gan_experiments.data.files.framing import Framing
from gan_experiments.data.files.listing import Opener
from gan_experiments.data.files.unreadable import problem, refuse
from gan_experiments.data.shards.index import ShardIndex

_MOST_OPEN = 64  # shards; more than are read at a time


class ShardFiles:
    """The shards of an index, opened when they are read; usable from several threads."""

    def __init__(self, index: ShardIndex) -> None:
        self._index = index
        self._open: dict[int, BinaryIO] = {}
        self._lock = threading.Lock()

    def content(self, place: int) -> bytes:
        """Return the file of an image, by its place in the index."""
        shard = int(self._index.shard_of(torch.tensor(place)))
        with self._lock:
            if shard not in self._open:
                self._open[shard] = self._index.shards[shard].open("rb")
            file = self._open[shard]
        entry = self._index.entries[place]
        return os.pread(file.fileno(), int(entry["size"]), int(entry["offset"]))

    def close_some(self) -> None:
        """Close the shards that were opened first, down to a number that is harmless; nobody may be reading."""
        while len(self._open) > _MOST_OPEN:
            self._open.pop(next(iter(self._open))).close()

    @contextmanager
    def opened(self, places: Mapping[str, int]) -> Iterator[Opener]:
        """Give what opens images by a name, where ``places`` says which image has that."""
        yield lambda name: Image.open(io.BytesIO(self.content(places[name])))


class ShardReader:
    """Fetches images out of shards, decoded by several threads.

    A picture that turns out to be damaged is told, and replaced by the next one of those that are trained on: what is
    fetched depends on nothing but the numbers.

    Args:
        index: Where the images lie.
        framing: What to make of them.
        max_bad: How many may be unreadable, with those that the index has left out.
        chosen: Those that are trained on: int64, ``(M,)``; ``None``: all.
        workers: Threads.
    """

    def __init__(
        self, index: ShardIndex, framing: Framing, max_bad: int, chosen: Tensor | None = None, workers: int = 1
    ) -> None:
        self._index = index
        self._framing = framing
        self._max_bad = max_bad
        self._chosen = chosen
        self._workers = workers
        self._count = len(index.entries) if chosen is None else len(chosen)
        self._files = ShardFiles(index)
        self._bad: dict[int, str] = {}
        self._lock = threading.Lock()

    def __call__(self, numbers: Tensor) -> Batch:
        """Read, decode and frame the images.

        Raises:
            ConfigError: Too many cannot be read.
        """
        size = self._framing.image_size
        images = np.empty((len(numbers), self._framing.channels, size, size), np.uint8)
        self._files.close_some()
        wanted = numbers.tolist()

        def fill(worker: int) -> list[int]:
            return [self._fill(images[row], wanted[row]) for row in range(worker, len(wanted), self._workers)]

        places = np.empty(len(wanted), np.int64)
        for worker, read in enumerate(self._pool.map(fill, range(self._workers))):
            places[worker :: self._workers] = read
        if not self._index.class_sizes:
            return Batch(torch.from_numpy(images), None)
        labels = self._index.entries["label"][places].astype(np.int64)
        return Batch(torch.from_numpy(images), torch.from_numpy(labels))

    def _fill(self, pixels: np.ndarray, number: int) -> int:
        """Fill in the pixels of an image, or of the next one that can be read; return its place in the index."""
        for turn in range(self._count):
            following = (number + turn) % self._count
            place = following if self._chosen is None else int(self._chosen[following])
            if place in self._bad:
                continue
            try:
                with Image.open(io.BytesIO(self._files.content(place))) as picture:
                    pixels[:] = self._framing(picture)
            except Exception as error:  # Pillow's readers raise whatever they stumble over
                self._note(place, problem(error))
            else:
                return place
        raise ConfigError("dataset: none of the images can be read")

    def _note(self, place: int, reason: str) -> None:
        name = self._index.name(place)
        with self._lock:
            if place in self._bad:
                return
            self._bad[place] = reason
            told = {self._index.name(bad): why for bad, why in self._bad.items()} | self._index.skipped
        refuse(told, len(self._index.entries) + len(self._index.skipped), self._max_bad)
        print(f"Warning: {name} cannot be read ({reason}); the next image takes its place", file=sys.stderr)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._workers)
