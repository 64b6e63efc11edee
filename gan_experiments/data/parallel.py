"""Parallel map over many files with threads, and a bar that shows how far such work has come."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of the items, computed at most a few items ahead of the consumer.

    Threads suffice, because Pillow releases Python's lock while it decodes and resizes.
    """
    workers = os.cpu_count() or 1
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about files that it reads anyway or that are refused
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:  # the consumer has stopped, or an item has failed
                future.cancel()


def with_progress(items: Iterable[Item], text: str, total: int | None = None) -> Iterable[Item]:
    """Return items, of which a bar on a terminal shows how many of them, or of ``total``, are taken."""
    console = Console(stderr=True)
    return track(items, text, total, console=console, disable=not console.is_terminal)
