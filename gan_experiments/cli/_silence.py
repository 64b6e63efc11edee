"""Silence on standard error during a block, for one thread of the process."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TextIO


@contextmanager
def silence() -> Iterator[None]:
    """Drop what this thread, and threads that are started meanwhile, write to standard error in the block.

    Those that ran before go on writing there. Warnings are printed, and dropped, like other lines.
    """
    with redirect_stderr(_Others(sys.stderr)):
        yield


class _Others(io.TextIOBase):
    """A stream that hands on what the other threads write that ran when it was made."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._heard = {thread for thread in threading.enumerate() if thread is not threading.current_thread()}

    def write(self, text: str) -> int:
        """Hand the text on, or drop it."""
        return self._stream.write(text) if threading.current_thread() in self._heard else len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()
