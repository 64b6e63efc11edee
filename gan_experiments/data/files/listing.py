"""Where the user's own pictures lie: a folder or a zip archive, listed the same way."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from PIL import Image

from gan_experiments.core.types import ConfigError

_SPLITS = {"train", "test", "val", "valid", "validation"}
LARGEST_FILE = 2**30  # bytes that a picture's file may unpack to


class File(NamedTuple):
    """One file: its path below the source, and what changes when its content does."""

    name: str
    stamp: str


@dataclass(frozen=True)
class Listing:
    """The pictures of a source.

    Attributes:
        names: Their paths, sorted.
        labels: Their classes; ``None`` if there are no class folders.
        class_names: The class folders, sorted.
        ignored: Files whose names are none of a picture.
        key: A hash of names and stamps.
        below: The folder within the source that they were taken from; empty: all of it.
    """

    names: tuple[str, ...]
    labels: tuple[int, ...] | None
    class_names: tuple[str, ...]
    ignored: tuple[str, ...]
    key: str
    below: str = ""


class Opener(Protocol):
    """Opens a picture by its name; usable from several threads."""

    def __call__(self, name: str) -> Image.Image:
        """Return the picture, its pixels not read yet."""


class Folder:
    """Pictures in a folder of the file system; its files are told apart by name, size and time of change.

    Args:
        path: The folder.
        key: The config key that names it, for errors.
    """

    def __init__(self, path: Path, key: str = "dataset.root") -> None:
        self.path = path
        self.key = key

    def files(self) -> Iterator[File]:
        """Yield all files, and folders as names that end with a slash.

        Raises:
            ConfigError: There is no such folder.
        """
        if not self.path.is_dir():
            raise ConfigError(f"{self.key}: there is no folder {self.path}")
        seen = set()
        for folder, folders, files in os.walk(self.path, onerror=self._refuse, followlinks=True):
            real = os.path.realpath(folder)
            if real in seen:  # a link to a folder above it
                folders.clear()
                continue
            seen.add(real)
            below = folder[len(str(self.path)) :].replace(os.sep, "/").strip("/")
            below += "/" * bool(below)
            for name in folders:
                yield File(f"{below}{name}/", "")
            for name in files:
                yield _stamped(folder, name, below)

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Give what opens its pictures."""
        yield lambda name: Image.open(self.path / name)

    def _refuse(self, error: OSError) -> None:
        raise ConfigError(f"{self.key}: {error.filename} cannot be read ({error.strerror})")


def _stamped(folder: str, name: str, below: str) -> File:
    try:
        state = os.stat(os.path.join(folder, name))
    except OSError:  # a link to nowhere: an image that cannot be read
        return File(below + name, "")
    return File(below + name, f"{state.st_size} {state.st_mtime_ns}")


class Archive:
    """Pictures in a zip archive, read where they lie; its files are told apart by name, size and checksum.

    Args:
        path: The archive.
        key: The config key that names it, for errors.
    """

    def __init__(self, path: Path, key: str = "dataset.path") -> None:
        self.path = path
        self.key = key

    def files(self) -> Iterator[File]:
        """Yield all files, and folders as names that end with a slash, as far as the archive tells.

        Raises:
            ConfigError: There is no such archive, it is damaged, or a path in it leads out of it.
        """
        with self._archive() as archive:
            for entry in archive.infolist():
                if _climbs(entry.filename):
                    raise ConfigError(f"{self.key}: {self.path} holds a path that leads out of it ({entry.filename})")
                yield File(entry.filename, f"{entry.file_size} {entry.CRC:08x}")

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Give what opens its pictures."""
        with self._archive() as archive:

            def open_(name: str) -> Image.Image:
                if archive.getinfo(name).file_size > LARGEST_FILE:
                    raise ValueError("unpacks to more than 1 GiB")
                return Image.open(io.BytesIO(archive.read(name)))

            yield open_

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        try:
            archive = zipfile.ZipFile(self.path)
        except FileNotFoundError:
            raise ConfigError(f"{self.key}: there is no file {self.path}") from None
        except (OSError, zipfile.BadZipFile) as error:
            raise ConfigError(f"{self.key}: {self.path} is no zip archive, or is damaged ({error})") from None
        with archive:
            yield archive


def list_pictures(source: Folder | Archive, below: str | None = None) -> Listing:
    """List the pictures of a source, flat or with one folder for each class.

    Args:
        source: Where they lie.
        below: The folder within it to take as it lies; ``None``: ``train``, if the folders are splits, or else all of
            it, where folders around everything do not count and a single class is none.

    Raises:
        ConfigError: There are none, or the folders do not say which class each is of.
    """
    files = [file for file in source.files() if not _hidden(file.name)]
    every = _pictures(files)
    prefix = _place([file.name for file in files], every, below)
    inside = sorted(file for file in files if file.name.startswith(prefix) and file.name != prefix)
    pictures = [file for file in inside if file.name in every]
    where = f"{source.path}/{prefix}".rstrip("/")
    if not pictures:
        raise ConfigError(f"{source.key}: there are no images in {where}")
    class_names, labels = _classes([file.name[len(prefix) :] for file in inside], pictures, prefix, source.key, where)
    if below is None and len(class_names) == 1:
        class_names, labels = (), None
    digest = hashlib.blake2b(digest_size=16)
    for file in pictures:
        digest.update(f"{file.name}\x1f{file.stamp}\x1e".encode("utf-8", "surrogateescape"))
    ignored = tuple(file.name for file in inside if not file.name.endswith("/") and file.name not in every)
    return Listing(tuple(file.name for file in pictures), labels, class_names, ignored, digest.hexdigest(), prefix)


def _place(names: Sequence[str], pictures: Collection[str], below: str | None) -> str:
    """Return what the names in the folder to take begin with."""
    if below is None:
        return _innermost(names, pictures, _SPLITS)
    asked = f"{below.strip('/')}/".lstrip("/")
    places = (asked, _innermost(names, pictures, set()) + asked)
    return next((place for place in places if any(name.startswith(place) for name in pictures)), asked)


def _innermost(names: Sequence[str], pictures: Collection[str], splits: set[str]) -> str:
    """Return the folder in which classes or pictures lie: within those that hold but one other, or ``train``."""
    prefix = ""
    while True:
        inside = [name[len(prefix) :].split("/") for name in names if name.startswith(prefix)]
        folders = {parts[0] for parts in inside if len(parts) > 1}
        if _beside(pictures, prefix):
            return prefix
        if "train" in folders and folders <= splits:
            prefix += "train/"
        elif len(folders) == 1 and not _beside(pictures, f"{prefix}{min(folders)}/"):
            prefix += f"{min(folders)}/"
        else:
            return prefix


def _beside(pictures: Collection[str], prefix: str) -> bool:
    """Tell whether pictures lie in a folder itself."""
    return any(name.startswith(prefix) and "/" not in name[len(prefix) :] for name in pictures)


def _classes(
    names: Sequence[str], pictures: Sequence[File], prefix: str, key: str, where: str
) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
    """Return the class folders and each picture's class."""
    tops = [file.name[len(prefix) :].split("/") for file in pictures]
    flat = [parts[0] for parts in tops if len(parts) == 1]
    folders = sorted({name.split("/")[0] for name in names if "/" in name})
    filled = {parts[0] for parts in tops if len(parts) > 1}
    if flat and filled:
        told = f"images ({flat[0]}) and folders of images ({min(filled)}) beside each other"
        raise ConfigError(f"{key}: {where} holds {told}: put all of them into class folders, or none")
    if flat:
        return (), None
    empty = [name for name in folders if name not in filled]
    if empty:
        raise ConfigError(f"{key}: {where} holds class folders without an image: {', '.join(empty)}")
    number = {name: label for label, name in enumerate(folders)}
    return tuple(folders), tuple(number[parts[0]] for parts in tops)


def _climbs(name: str) -> bool:
    """Tell whether a path, unpacked, could lead to somewhere else."""
    if name[:1] in "/\\" or name[1:2] == ":":
        return True
    return ".." in name and ".." in name.replace("\\", "/").split("/")


def _hidden(name: str) -> bool:
    """Tell whether a file, or a folder above it, is none that people put there."""
    return name[:1] == "." or "/." in name or "__MACOSX/" in name


def _pictures(files: Sequence[File]) -> set[str]:
    """Return the names of the pictures; names without a suffix (README) are some only where no picture has one."""
    ends = {file.name: os.path.splitext(file.name)[1].lower() for file in files if not file.name.endswith("/")}
    told = {name for name, suffix in ends.items() if suffix in suffixes()}
    return told or {name for name, suffix in ends.items() if not suffix}


@cache
def suffixes() -> frozenset[str]:
    """Return the endings of the files that Pillow reads, with their dot."""
    Image.init()
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN)
