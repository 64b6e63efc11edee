"""The cache folder, and files in it that are made once and read by every later run."""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock
from platformdirs import user_cache_path

from gan_experiments.core.files import check_place, remove_leftovers, write_tensors

if TYPE_CHECKING:
    from torch import Tensor

_log = logging.getLogger(__name__)

Value = TypeVar("Value")


def cache_folder(cache_dir: str | None = None) -> Path:
    """Return ``cache_dir``, ``$GAN_EXPERIMENTS_CACHE``, or else the user's cache folder; it need not exist yet.

    Raises:
        ConfigError: It does not exist, and cannot be made.
    """
    chosen = cache_dir or os.environ.get("GAN_EXPERIMENTS_CACHE")
    folder = Path(chosen).expanduser() if chosen else user_cache_path("gan_experiments", appauthor=False)
    if not folder.is_dir():
        check_place(folder, "cache_dir" if cache_dir else "$GAN_EXPERIMENTS_CACHE")
    return folder


def short_hash(recipe: str) -> str:
    """Return 16 hexadecimal digits that tell what a file was made from, for its name."""
    return hashlib.blake2b(recipe.encode(), digest_size=8).hexdigest()


def read_or_make(path: Path, read: Callable[[], Value | None], make: Callable[[], Value]) -> Value:
    """Return what ``read`` returns, or what ``make`` does if that is ``None``; one process at a time.

    While one process makes the file, the others wait, and then read it. Temporary files that a killed process has left
    are removed before ``make`` is called. In a folder that is not writable, files are read without a lock.

    Args:
        path: The cached file; its folder is created, and the lock file is put beside it.
        read: Returns the content of the file, or ``None`` if the file is missing or damaged.
        make: Writes the file in one piece (see ``gan_experiments.core.files.replacing``) and returns its content.

    Raises:
        OSError: The folder cannot be created or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writable = os.access(path.parent, os.W_OK)
    with FileLock(path.with_name(f".{path.name}.lock")) if writable else nullcontext():
        value = read()
        if value is None:
            remove_leftovers(path.parent.glob(f".{glob.escape(path.stem)}.*.tmp"))  # of files that share its stem
            value = make()
        return value


def write_cached(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors to a cached file as safetensors; where that is not possible, warn: they are made again."""
    try:
        write_tensors(path, tensors, metadata)
    except OSError as error:
        needed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        free = shutil.disk_usage(path.parent).free
        text = "%s cannot be written (%s; %d bytes needed, %d free): it is made again next time"
        _log.warning(text, path, error.strerror, needed, free)
