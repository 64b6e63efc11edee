"""Standard datasets, read and downloaded by torchvision."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_experiments.core.cache import cache_folder, read_or_make
from gan_experiments.core.types import ConfigError, DataFacts, LongTail, NonNegativeInt, PositiveInt
from gan_experiments.data.base import ImageData

# What torchvision raises at files that are missing, of another content or cut off, and at a network that is not there.
FAILURES = (OSError, RuntimeError, ValueError, AssertionError, EOFError, ImportError, KeyError)


class Standard(ImageData):
    """The training images of a dataset of torchvision. A subclass says which, and how to open it.

    Args:
        root: Folder of the files; default: the cache folder. What is missing is downloaded.
        limit: Train on this many images.
        per_class: Train on this many images of each class.
        long_tail: Size of the largest class over that of the smallest; 1: as they are.
        horizontal_flip: Mirror training images from left to right, half of the time.
        random_crop: Shift training images by up to this many pixels.
        seed: Of the part and of the views.

    Attributes:
        known: The facts, known without reading.
        folder: Where below ``root`` the files lie.
        files: Their names, for the message that they are missing.
        names: What the classes are called; empty: their numbers.
    """

    known: ClassVar[DataFacts]
    folder: ClassVar[str]
    files: ClassVar[str]
    names: ClassVar[Sequence[str]] = ()

    def __init__(
        self,
        root: str | None = None,
        limit: PositiveInt | None = None,
        per_class: PositiveInt | None = None,
        long_tail: LongTail = 1.0,
        horizontal_flip: bool = False,
        random_crop: NonNegativeInt = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(limit, per_class, long_tail, horizontal_flip, random_crop, seed)
        self._root = Path(root).expanduser() if root else cache_folder() / "data"

    @property
    def facts(self) -> DataFacts:
        """Known without reading."""
        return self.known

    @property
    def split(self) -> str:
        """Which images of the dataset these are."""
        return "train"

    @property
    def class_names(self) -> list[str]:
        """The names the dataset's authors gave the classes."""
        return list(self.names) or super().class_names

    def open(self, root: Path, download: bool) -> Any:
        """Return torchvision's dataset of the files below ``root``, after downloading them if asked to."""
        raise NotImplementedError

    def read(self, dataset: Any) -> tuple[Tensor, Tensor | None]:
        """Return images and labels of torchvision's dataset: by default, of one that keeps NHWC arrays."""
        images = torch.from_numpy(dataset.data).permute(0, 3, 1, 2)
        return images, torch.tensor(dataset.targets, dtype=torch.int64)

    def prepare_data(self) -> None:
        """Download the files unless they are there; they appear once all of them are whole.

        Raises:
            ConfigError: They cannot be had; the message says which to put where.
        """
        try:
            download(self.known.name, self._root, self._whole, self.open)
        except FAILURES as error:
            raise ConfigError(self._missing(f"cannot be downloaded ({reason(error)})")) from error

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Read the images: uint8 ``(N, C, H, W)``, labels ``(N,)``, or ``None`` for unlabelled data.

        Raises:
            ConfigError: They are not there, or not whole.
        """
        try:
            return self.read(self.open(self._root, download=False))
        except FAILURES as error:
            raise ConfigError(self._missing("is not there, or is damaged")) from error

    def _whole(self) -> bool:
        try:
            self.setup()
        except ConfigError:
            return False
        return True

    def _missing(self, what: str) -> str:
        return f"dataset: {self.known.name} {what}: put {self.files} into {self._root / self.folder}"


def download(name: str, root: Path, whole: Callable[[], bool], open_: Callable[[Path, bool], Any]) -> None:
    """Let torchvision download to a folder beside, then put what it has checked and unpacked into its place.

    Args:
        name: The dataset's, for the folder beside.
        root: Where the files belong.
        whole: Tells whether they are there.
        open_: ``open_(root, download)`` opens torchvision's dataset.
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

    if not whole():
        read_or_make(root / name, lambda: whole() or None, fetch)


def reason(error: BaseException) -> str:
    """Say in one line what an error says."""
    return " ".join(str(error).split()) or type(error).__name__


def _move(source: Path, target: Path) -> None:
    """Put a file or a folder into its place; files of a folder that is there already are replaced one by one."""
    if source.is_dir() and target.is_dir():
        for entry in source.iterdir():
            _move(entry, target / entry.name)
    else:
        source.replace(target)
