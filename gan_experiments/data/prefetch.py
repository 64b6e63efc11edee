"""Prefetching of batches in a background thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator

import torch

from gan_experiments.core.contracts import Batch

_AHEAD = 2  # batches


class Prefetched:
    """Iterates over batches in the same order, prepared by a thread and, with a GPU, pinned in memory.

    Pinned batches are copied to the GPU while it computes. An exception in the thread is raised in the consumer.

    Args:
        batches: The batches to prefetch.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches; the thread ends when the iterator does."""
        ready: queue.Queue[Batch | BaseException | None] = queue.Queue(_AHEAD)
        stop = threading.Event()
        thread = threading.Thread(target=self._work, args=(ready, stop), daemon=True)
        thread.start()
        try:
            while (item := ready.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()
            thread.join()

    def _work(self, ready: queue.Queue[Batch | BaseException | None], stop: threading.Event) -> None:
        try:
            for batch in self._batches:
                if not _put(ready, _pinned(batch), stop):
                    return
            _put(ready, None, stop)
        except BaseException as error:  # reraised by the consumer
            _put(ready, error, stop)


def _put(
    ready: queue.Queue[Batch | BaseException | None], item: Batch | BaseException | None, stop: threading.Event
) -> bool:
    while not stop.is_set():
        try:
            ready.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False


def _pinned(batch: Batch) -> Batch:
    if not torch.cuda.is_available():
        return batch
    return Batch(batch.images.pin_memory(), None if batch.labels is None else batch.labels.pin_memory())
