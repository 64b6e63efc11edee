"""CelebA dataset."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from torchvision import datasets

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.types import ConfigError, DataFacts, ImageSize, NonNegativeInt, PositiveInt
from gan_experiments.data.datasets.image_files import ImageFiles
from gan_experiments.data.datasets.torchvision_data import FAILURES, download, reason
from gan_experiments.data.files.framing import Resize
from gan_experiments.data.files.listing import Folder, Listing

_SPLITS = {"train": ("0", 162770), "valid": ("1", 19867), "test": ("2", 19962), "all": ("", 202599)}
_FILES = "img_align_celeba (the folder of img_align_celeba.zip) and list_eval_partition.txt"


class CelebA(ImageFiles):
    """CelebA: aligned faces of celebrities, the middle of 178x218 pixels, without labels (Liu et al. 2015).

    The download needs the package gdown.

    Args:
        root: Folder that contains ``celeba``; default: the cache folder. Missing files are downloaded.
        split: 162,770 images, 19,867, 19,962 or all 202,599.
        image_size: Height and width in pixels, one number for squares.
        resize: Resampling filter; all are antialiased.
        limit: See ``ImageData``; options about classes or unreadable files do not apply.
        horizontal_flip: See ``ImageData``.
        random_crop: See ``ImageData``.
        seed: See ``ImageData``.
    """

    has_labels: ClassVar[bool] = False

    def __init__(
        self,
        root: str | None = None,
        split: Literal["train", "valid", "test", "all"] = "train",
        image_size: ImageSize = 64,
        resize: Resize = "lanczos",
        limit: PositiveInt | None = None,
        horizontal_flip: bool = False,
        random_crop: NonNegativeInt = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            image_size=image_size, resize=resize, max_bad=0, limit=limit,
            horizontal_flip=horizontal_flip, random_crop=random_crop, seed=seed,
        )  # fmt: skip
        self._root = Path(root).expanduser() if root else cache_folder() / "data"
        self._folder = self._root / "celeba"
        self._split = split
        self.source: Folder = Folder(self._folder / "img_align_celeba")

    @property
    def facts(self) -> DataFacts:
        """The facts, known without reading any file."""
        return DataFacts("celeba", self.framing.image_size, 3, num_images=_SPLITS[self._split][1])

    @cached_property
    def listing(self) -> Listing:
        """The images of the split.

        Raises:
            ConfigError: ``list_eval_partition.txt`` is missing or damaged.
        """
        number = _SPLITS[self._split][0]
        try:
            lines = (self._folder / "list_eval_partition.txt").read_text(encoding="utf-8").splitlines()
            rows = [line.split() for line in lines if line.strip()]
            names = tuple(name for name, split in rows if split.startswith(number))
        except (OSError, ValueError) as error:
            raise ConfigError(self._missing("is missing or damaged")) from error
        key = hashlib.blake2b("\n".join(["celeba", *names]).encode(), digest_size=16).hexdigest()
        return Listing(names, None, (), (), key)

    def prepare_data(self) -> None:
        """Download the files if they are missing, and decode the images.

        Raises:
            ConfigError: The download failed; the message says which files to put where.
        """
        try:
            download("celeba", self._root, self._complete, self._open)
        except FAILURES as error:
            raise ConfigError(self._missing(f"cannot be downloaded ({reason(error)})")) from error
        super().prepare_data()

    def _open(self, root: Path, download: bool) -> Any:
        return datasets.CelebA(str(root), split=self._split, download=download)

    def _complete(self) -> bool:
        return self.source.path.is_dir() and (self._folder / "list_eval_partition.txt").is_file()

    def _missing(self, what: str) -> str:
        return f"dataset: celeba {what}: put {_FILES} into {self._folder}"
