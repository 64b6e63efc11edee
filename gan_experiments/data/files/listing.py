"""Lists the image files of a folder or a zip archive, with their classes."""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError
from gan_experiments.data.files.pictures import ARRAY, Opener, Picture, formats, open_picture

SPLITS = {"train", "test", "val", "valid", "validation"}
LARGEST_FILE = 2**30  # bytes of an image file, unpacked
_MAX_LISTED = 5  # suffixes that a message names


class File(NamedTuple):
    """A file: its path below the source, and a stamp that changes with its content."""

    name: str
    stamp: str


@dataclass(frozen=True)
class Listing:
    """The image files of a source.

    Attributes:
        names: Their paths, sorted.
        labels: Their classes; ``None`` if there are no class folders.
        class_names: Names of the class folders, sorted.
        ignored: Paths of files that are not images by their suffix.
        key: A hash of names and stamps.
        below: Subfolder of the source that was listed, with a trailing slash; empty: all of it.
    """

    names: tuple[str, ...]
    labels: tuple[int, ...] | None
    class_names: tuple[str, ...]
    ignored: tuple[str, ...]
    key: str
    below: str = ""


class Folder:
    """A folder of image files, whose stamps are size and modification time.

    Messages name its config key and, where it does not exist, end with the hint what to put there.
    """

    def __init__(self, path: Path, key: str = "dataset.root", hint: str = "") -> None:
        self.path = path
        self.key = key
        self.hint = hint

    def files(self) -> Iterator[File]:
        """Yield all files, and folders as names that end with a slash.

        Raises:
            ConfigError: The folder does not exist or cannot be read.
        """
        if not self.path.is_dir():
            raise ConfigError(f"{self.key}: {self._missing()}")
        seen = set()
        for folder, folders, files in os.walk(self.path, onerror=self._refuse, followlinks=True):
            real = os.path.realpath(folder)
            if real in seen:  # reached by a link to a folder above
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
        """Yield a function that opens its images."""
        yield lambda name: open_picture(self.path / name)

    def text(self, name: str) -> str | None:
        """Return the content of a text file; ``None`` if there is none."""
        file = self.path / name
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None

    def _missing(self) -> str:
        if not self.path.is_file():
            return f"there is no folder {self.path}{self.hint}"
        if zipfile.is_zipfile(self.path) or self.path.suffix.lower() == ".zip":
            return f"{self.path} is a zip archive: take dataset=image_archive dataset.path={self.path}"
        return f"{self.path} is a file, not a folder"

    def _refuse(self, error: OSError) -> None:
        raise ConfigError(f"{self.key}: {error.filename} cannot be read ({error.strerror})")


def _stamped(folder: str, name: str, below: str) -> File:
    try:
        state = os.stat(os.path.join(folder, name))
    except OSError:  # a broken link, which counts as an unreadable image
        return File(below + name, "")
    return File(below + name, f"{state.st_size} {state.st_mtime_ns}")


class Archive:
    """A zip archive of image files, read without unpacking, whose stamps are size and checksum."""

    def __init__(self, path: Path, key: str = "dataset.path") -> None:
        self.path = path
        self.key = key

    def files(self) -> Iterator[File]:
        """Yield all entries; folders, if the archive lists them, have names that end with a slash.

        Raises:
            ConfigError: The archive does not exist or is damaged, or contains a path that leads out of it.
        """
        with self._archive() as archive:
            for entry in archive.infolist():
                if _escapes(entry.filename):
                    raise ConfigError(
                        f"{self.key}: {self.path} contains a path that leads out of it ({entry.filename})"
                    )
                yield File(entry.filename, f"{entry.file_size} {entry.CRC:08x}")

    @contextmanager
    def opened(self) -> Iterator[Opener]:
        """Yield a function that opens its images."""
        with self._archive() as archive:

            def open_(name: str) -> Picture:
                if archive.getinfo(name).file_size > LARGEST_FILE:
                    raise ValueError("unpacks to more than 1 GiB")
                return open_picture(archive.read(name))

            yield open_

    def text(self, name: str) -> str | None:
        """Return the content of a text file; ``None`` if there is none."""
        with self._archive() as archive:
            if name not in archive.namelist() or archive.getinfo(name).file_size > LARGEST_FILE:
                return None
            return archive.read(name).decode("utf-8", "replace")

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        if not self.path.exists():
            raise ConfigError(f"{self.key}: there is no file {self.path}")
        if self.path.is_dir():
            raise ConfigError(
                f"{self.key}: {self.path} is a folder: take dataset=image_folder dataset.root={self.path}"
            )
        try:
            if not self.path.is_file():
                raise OSError("not a regular file")
            archive = zipfile.ZipFile(self.path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise ConfigError(f"{self.key}: {self.path} is not a zip archive, or is damaged ({error})") from None
        with archive:
            yield archive


def list_images(source: Folder | Archive, below: str | None = None) -> Listing:
    """List the image files of a source, either flat or with one folder per class.

    Args:
        source: The folder or archive.
        below: Subfolder to list exactly as it is. ``None``: ``train`` if the folders are splits, otherwise all of the
            source, where folders that contain everything else are skipped and a single class folder is not a class.

    Raises:
        ConfigError: There are no images, or the folders do not determine the class of each.
    """
    files = [file for file in source.files() if not _hidden(file.name)]
    every = _image_names(files)
    prefix = _prefix([file.name for file in files], every, below)
    inside = sorted(file for file in files if file.name.startswith(prefix) and file.name != prefix)
    images = [file for file in inside if file.name in every]
    folder = f"{source.path}/{prefix}".rstrip("/")
    if not images:
        raise ConfigError(f"{source.key}: there are no images in {folder}{_other_files(inside)}")
    class_names, labels = _classes([file.name[len(prefix) :] for file in inside], images, prefix, source.key, folder)
    if below is None and len(class_names) == 1:
        class_names, labels = (), None
    digest = hashlib.blake2b(digest_size=16)
    for file in images:
        digest.update(f"{file.name}\x1f{file.stamp}\x1e".encode("utf-8", "surrogateescape"))
    ignored = tuple(file.name for file in inside if not file.name.endswith("/") and file.name not in every)
    return Listing(tuple(file.name for file in images), labels, class_names, ignored, digest.hexdigest(), prefix)


def _prefix(names: Sequence[str], images: Collection[str], below: str | None) -> str:
    """Return the prefix of all names in the folder to list."""
    if below is None:
        return _innermost(names, images, SPLITS)
    requested = f"{below.strip('/')}/".lstrip("/")
    candidates = (requested, _innermost(names, images, set()) + requested)
    return next((prefix for prefix in candidates if any(name.startswith(prefix) for name in images)), requested)


def _innermost(names: Sequence[str], images: Collection[str], splits: set[str]) -> str:
    """Return the folder of classes or images, inside folders that contain one other folder only, or ``train``."""
    prefix = ""
    while True:
        inside = [name[len(prefix) :].split("/") for name in names if name.startswith(prefix)]
        folders = {parts[0] for parts in inside if len(parts) > 1}
        if _directly_in(images, prefix):
            return prefix
        if "train" in folders and folders <= splits:
            prefix += "train/"
        elif len(folders) == 1 and not _directly_in(images, f"{prefix}{min(folders)}/"):
            prefix += f"{min(folders)}/"
        else:
            return prefix


def _directly_in(images: Collection[str], prefix: str) -> bool:
    """Return whether a folder itself contains images."""
    return any(name.startswith(prefix) and "/" not in name[len(prefix) :] for name in images)


def _classes(
    names: Sequence[str], images: Sequence[File], prefix: str, key: str, folder: str
) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
    """Return the names of the class folders and the class of each image."""
    tops = [file.name[len(prefix) :].split("/") for file in images]
    flat = [parts[0] for parts in tops if len(parts) == 1]
    folders = sorted({name.split("/")[0] for name in names if "/" in name})
    filled = {parts[0] for parts in tops if len(parts) > 1}
    if flat and filled:
        mixed = f"both images ({flat[0]}) and folders of images ({min(filled)})"
        raise ConfigError(f"{key}: {folder} contains {mixed}: put all images into class folders, or none")
    if flat:
        return (), None
    empty = [name for name in folders if name not in filled]
    if empty:
        text = f"{folder} contains class folders without images: {first_few(empty, 10)}"
        raise ConfigError(f"{key}: {text}: remove them, or put images into them")
    number = {name: label for label, name in enumerate(folders)}
    return tuple(folders), tuple(number[parts[0]] for parts in tops)


def _other_files(files: Sequence[File]) -> str:
    """Return the suffixes of files that are not images, in words; empty if there are none."""
    others = Counter(os.path.splitext(file.name)[1].lower() for file in files if not file.name.endswith("/"))
    if not others:
        return ""
    listed = first_few([f"{count:,} {suffix}" for suffix, count in others.most_common()], _MAX_LISTED)
    return f", but other files ({listed}): convert them to one of {', '.join(formats())}"


def _escapes(name: str) -> bool:
    """Return whether a path could lead out of the folder that it is unpacked into."""
    if name[:1] in "/\\" or name[1:2] == ":":
        return True
    return ".." in name and ".." in name.replace("\\", "/").split("/")


def _hidden(name: str) -> bool:
    """Return whether a file, or a folder above it, is hidden or was added by the operating system."""
    return name[:1] == "." or "/." in name or "__MACOSX/" in name


def _image_names(files: Sequence[File]) -> set[str]:
    """Return the names with an image suffix; if there are none, those of arrays, or else those without any suffix."""
    ends = {file.name: os.path.splitext(file.name)[1].lower() for file in files if not file.name.endswith("/")}
    images = {name for name, suffix in ends.items() if suffix in suffixes()}
    arrays = {name for name, suffix in ends.items() if suffix == ARRAY}
    return images or arrays or {name for name, suffix in ends.items() if not suffix}


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes of the image formats that are read, with the dot."""
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in formats())
