"""Atomic file writes: a file appears whole or not at all."""

from __future__ import annotations

import errno
import glob
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_experiments.core.text import nearest
from gan_experiments.core.types import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


def check_place(path: Path, key: str) -> None:
    """Check that a file or folder, which ``key`` names, can be made, or written to if it is a folder; leaves nothing.

    Raises:
        ConfigError: It cannot, and why.
    """
    try:
        existing = next(each for each in (path, *path.absolute().parents) if each.exists() or each.is_symlink())
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{existing} is not a folder")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"no permission to write to {existing}")
        try:  # which permissions do not tell of a disk that is read-only, or of what the system itself keeps, as /proc
            tempfile.TemporaryFile(dir=existing).close()
        except OSError as error:
            raise OSError(error.errno, f"no file can be made in {existing} ({error.strerror})") from None
    except OSError as error:
        raise ConfigError(f"{key}: {path}: cannot be written to: {error.strerror}") from None


def meant_path(path: Path, below: Path | None = None) -> str:
    """Return ``"; did you mean ...?"`` of what exists where a path does not; empty if nothing is like it.

    Args:
        path: It does not exist.
        below: A folder in which, up to two levels deep, one of the same name is looked for; the newest is taken.
    """
    try:
        same: list[Path] = []
        if below is not None and path.name and not path.is_absolute():
            name = glob.escape(path.name)
            same = [each for depth in ("", "*/", "*/*/") for each in below.glob(depth + name)]
        if not same and path.name:
            near = nearest(path.name, [each.name for each in path.parent.iterdir()], cutoff=0.75)
            same = [path.with_name(near)] if near else []
        newest = max(same, key=lambda each: each.stat().st_mtime, default=None)
    except OSError:  # the folder around it is none, or may not be read
        return ""
    return f"; did you mean {newest}?" if newest else ""


def check_new(path: Path, key: str) -> None:
    """Check that a file or folder, which ``key`` names, does not exist, and can be made; leaves nothing.

    Raises:
        ConfigError: It exists, or cannot be made, and why.
    """
    if path.exists():
        raise ConfigError(f"{key}: {path} exists and is not overwritten")
    check_place(path, key)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path, whose file replaces ``path`` once the block has ended without an error.

    Raises:
        ConfigError: A folder is in its place.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder, where a file is to be written")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder, which becomes ``path`` once the block has ended without an error.

    Raises:
        OSError: It cannot be written, or is there already with files in it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        temporary.chmod(0o777 & ~_umask())
        yield temporary
        if path.is_dir():
            path.rmdir()
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_bytes(path: Path, most: int = 2**26) -> bytes:
    """Read a file that may come from a stranger.

    Raises:
        OSError: It is missing, no regular file (a pipe would keep its reader waiting), or larger than ``most`` bytes.
    """
    # The first is of Windows, where a file would be read as text; the second of all other systems.
    flags = getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, os.O_RDONLY | flags)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a file")
        if status.st_size > most:
            raise OSError(f"{status.st_size:,} bytes are too many")
        return file.read()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, default=str) + "\n")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors to ``path`` as safetensors, atomically; the same tensors and metadata make the same bytes.

    Raises:
        OSError: The file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with replacing(path) as temporary:
        try:
            save_file(dict(tensors), temporary, metadata=dict(metadata))
        except SafetensorError as error:
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None
        _sort_metadata(temporary)


def _sort_metadata(path: Path) -> None:
    """Sort the metadata of a safetensors file, which are written in an order that differs from time to time."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) <= size:  # spaces at its end are part of the format
            file.seek(8)
            file.write(text.ljust(size))


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove temporary files and folders that a killed process has left."""
    for leftover in list(paths):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)
