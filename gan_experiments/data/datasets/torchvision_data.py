"""Base class of the standard datasets that torchvision downloads and reads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_experiments.core.cache import cache_folder, read_or_make
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.base import ImageData

# What torchvision raises if files are missing, wrong or truncated, or if the network is unreachable.
FAILURES = (OSError, RuntimeError, ValueError, AssertionError, EOFError, ImportError, KeyError)


class TorchvisionData(ImageData):
    """The training images of a torchvision dataset; a subclass names the dataset and opens it.

    Args:
        root: Folder of the files; default: the cache folder. Missing files are downloaded.
        **options: Options of every dataset.

    Attributes:
        folder: Folder of the files below ``root``.
        files: Names of the files, for the message that they are missing.
        names: Names of the classes; empty: their numbers.
        source: The class of torchvision that ``open`` opens.
    """

    known: DataFacts
    folder: ClassVar[str]
    files: ClassVar[str]
    names: ClassVar[Sequence[str]] = ()
    source: ClassVar[Any]

    def __init__(self, root: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._root = Path(root).expanduser() if root else cache_folder() / "data"

    @property
    def split(self) -> str:
        """Name of the split."""
        return "train"

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, as the authors of the dataset gave them."""
        return list(self.names) or super().class_names

    def open(self, root: Path, download: bool) -> Any:
        """Return the training images of the files below ``root``, which torchvision checks; or download them first."""
        return self.source(str(root), train=True, download=download)

    def read(self, dataset: Any) -> tuple[Tensor, Tensor | None]:
        """Return images and labels of a torchvision dataset; by default, of one that holds NHWC arrays."""
        images = torch.from_numpy(dataset.data).permute(0, 3, 1, 2)
        return images, torch.tensor(dataset.targets, dtype=torch.int64)

    def prepare_data(self) -> None:
        """Download the files if they are missing; they appear when all of them are complete.

        Raises:
            ConfigError: The download failed; the message says which files to put where.
        """
        try:
            download(self.known.name, self._root, self._complete, self.open)
        except FAILURES as error:
            raise ConfigError(self._missing(f"cannot be downloaded ({reason(error)})")) from error

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Read the images: uint8 ``(N, C, H, W)``, labels ``(N,)``, or ``None`` for unlabelled data.

        Raises:
            ConfigError: The files are missing or damaged.
        """
        try:
            return self.read(self.open(self._root, download=False))
        except FAILURES as error:
            raise ConfigError(self._missing("is missing or damaged")) from error

    def _complete(self) -> bool:
        try:
            self.setup()
        except ConfigError:
            return False
        return True

    def _missing(self, what: str) -> str:
        return f"dataset: {self.known.name} {what}: put {self.files} into {self._root / self.folder}"


def download(name: str, root: Path, complete: Callable[[], bool], open_: Callable[[Path, bool], Any]) -> None:
    """Let torchvision download to a temporary folder, then move the checked and unpacked files to ``root``.

    A download that fails leaves no folder that was not there before.

    Args:
        name: Name of the dataset, for the temporary folder and the lock.
        root: Target folder.
        complete: Returns whether all files are in ``root`` already.
        open_: ``open_(root, download)`` opens the torchvision dataset.
    """

    def fetch() -> bool:
        temporary = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".tmp", dir=root))
        try:
            open_(temporary, True)
            for entry in temporary.iterdir():
                _move(entry, root / entry.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return True

    if complete():
        return
    new = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        read_or_make(root / name, lambda: complete() or None, fetch)
    except FAILURES:
        with suppress(OSError):  # another process may have begun to download
            for lock in root.glob(f".{name}.lock") if new else ():
                lock.unlink()
            for folder in new:
                folder.rmdir()
        raise


def reason(error: BaseException) -> str:
    """Return the message of an error on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _move(source: Path, target: Path) -> None:
    """Move a file or a folder; if the target folder exists, its files are replaced one by one."""
    if source.is_dir() and target.is_dir():
        for entry in source.iterdir():
            _move(entry, target / entry.name)
    else:
        source.replace(target)
