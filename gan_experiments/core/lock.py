"""Lock of a file for one process; the operating system releases it however the process ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

POSIX = os.name == "posix"  # else Windows
if POSIX:
    import fcntl


@contextmanager
def locked(file: Path) -> Iterator[int | None]:
    """Lock a file during the block; it is created if need be.

    Where there is ``fcntl``, it is used directly: filelock would unlock the file for the processes as well that have
    inherited the lock.

    Yields:
        The file descriptor: a process that inherits it holds the lock as well. ``None`` where that is impossible.

    Raises:
        BlockingIOError: Another process holds the lock.
    """
    if not POSIX:
        try:
            with FileLock(file, timeout=0):
                yield None
        except Timeout:
            raise BlockingIOError(f"{file} is locked") from None
        return
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)  # not unlocked: a process that has inherited it may live longer


def is_locked(file: Path) -> bool:
    """Return whether a process holds the lock of a file."""
    if not file.exists():
        return False
    if not POSIX:
        try:
            with FileLock(file, timeout=0):
                return False
        except Timeout:
            return True
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
