"""Optuna storage of a search: a journal file or a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from gan_experiments.core.text import first_line
from gan_experiments.core.types import ConfigError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "search.journal"


@contextmanager
def open_storage(url: str | None, folder: Path) -> Iterator[BaseStorage]:
    """Open the storage of a search exclusively; the operating system releases the lock however the process ends.

    Args:
        url: URL of a database; ``None``: a journal in ``folder``.
        folder: Folder of the study.

    Raises:
        ConfigError: Another process is searching in this folder, or the database cannot be opened.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".search.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(f"{folder}: another process is searching in this folder") from None
    try:
        yield _journal(folder / JOURNAL) if url is None else _database(url)
    finally:
        lock.release()


def _journal(path: Path) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if path.exists():
        _repair(path)
    return JournalStorage(JournalFileBackend(str(path)))


def _repair(path: Path) -> None:
    """Remove what a process that was killed while writing leaves behind: an incomplete line and Optuna's own lock."""
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    with path.open("rb+") as file:
        text = file.read()
        file.truncate(text.rfind(b"\n") + 1)


def _database(url: str) -> BaseStorage:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return RDBStorage(url)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise ConfigError(f"hydra.sweeper.storage: {url!r} cannot be opened: {first_line(error)}") from None
