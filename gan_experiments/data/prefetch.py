"""Prefetching of batches in a background thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator

import torch

from gan_experiments.core.step import Batch, TranslationBatch

AnyBatch = Batch | TranslationBatch
_AHEAD = 2  # batches


class Prefetched:
    """Iterates over batches in the same order, prepared by a thread and, with a GPU, pinned in memory.

    Pinned batches are copied to the GPU while it computes. An exception in the thread is raised in the consumer.
    """

    def __init__(self, batches: Iterable[AnyBatch]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[AnyBatch]:
        """Yield batches; the thread ends when the iterator does."""
        ready: queue.Queue[AnyBatch | BaseException | None] = queue.Queue(_AHEAD)
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

    def _work(self, ready: queue.Queue[AnyBatch | BaseException | None], stop: threading.Event) -> None:
        try:
            for batch in self._batches:
                if not _put(ready, _pinned(batch), stop):
                    return
            _put(ready, None, stop)
        except BaseException as error:  # reraised by the consumer
            _put(ready, error, stop)


def _put(
    ready: queue.Queue[AnyBatch | BaseException | None], item: AnyBatch | BaseException | None, stop: threading.Event
) -> bool:
    while not stop.is_set():
        try:
            ready.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False


def _pinned(batch: AnyBatch) -> AnyBatch:
    if not torch.cuda.is_available():
        return batch
    pinned = (None if each is None else each.pin_memory() for each in batch)
    return type(batch)(*pinned)  # type: ignore[arg-type]
