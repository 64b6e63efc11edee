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
def kept_handlers(numbers: Iterable[signal.Signals]) -> Iterator[bool]:
    """Set the handlers of signals back after the block, which gets whether this thread can: only the main one can."""
    if threading.current_thread() is not threading.main_thread():
        yield False
        return
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        yield True
    finally:
        for number, handler in handlers.items():
            if handler is not None:  # one that was not set from Python
                signal.signal(number, handler)


@contextmanager
def handling(numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Handle signals during the block; in another thread than the main one, which cannot, leave them as they are."""
    numbers = tuple(numbers)
    with kept_handlers(numbers) as can_set:
        for number in numbers if can_set else ():
            signal.signal(number, handler)
        yield


class Interrupted(SystemExit):
    """The end of a command by a signal: 128 plus its number is the exit code, as in shells."""


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let Ctrl-C raise ``KeyboardInterrupt`` after the block, and SIGTERM ``Interrupted``, as soon as they come.

    In the block both are ``Interrupted``: Lightning has the signals wait, and ends the process at a KeyboardInterrupt.
    """
    try:
        with handling(signals("SIGINT", "SIGTERM"), _end):
            yield
    except Interrupted as end:
        if end.code == 128 + signal.SIGINT:
            raise KeyboardInterrupt from None
        raise


def _end(number: int, frame: FrameType | None) -> None:
    raise Interrupted(128 + number)
