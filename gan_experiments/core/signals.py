"""Signals that this operating system has, and their handlers."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType


def signals(*names: str) -> tuple[signal.Signals, ...]:
    """Return the signals of these names, without those that the system lacks: Windows has few."""
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


@contextmanager
def handling(numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Handle signals during the block; in another thread than the main one, which cannot, leave them as they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in previous.items():
            if before is not None:  # one that was not set from Python
                signal.signal(number, before)
