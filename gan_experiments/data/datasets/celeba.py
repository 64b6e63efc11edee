"""CelebA."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from torchvision import datasets

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.types import ConfigError, DataFacts, NonNegativeInt, PositiveInt
from gan_experiments.data.datasets.image_files import Pictures
from gan_experiments.data.datasets.torchvision_data import FAILURES, download, reason
from gan_experiments.data.files.listing import Folder, Listing

_SPLITS = {"train": ("0", 162770), "valid": ("1", 19867), "test": ("2", 19962), "all": ("", 202599)}
_FILES = "img_align_celeba (the folder of img_align_celeba.zip) and list_eval_partition.txt"


class CelebA(Pictures):
    """Faces of celebrities, aligned and cut to 178x218 pixels (Liu et al. 2015), of which the central square is taken.

    They are used without labels. Downloading them needs the package gdown.

    Args:
        root: Folder that holds ``celeba``; default: the cache folder. What is missing is downloaded.
        split: Which images: 162,770, 19,867, 19,962 or all 202,599.
        image_size: Pixels.
        resize: The filter; all are antialiased.
        limit: Train on this many images.
        horizontal_flip: Mirror training images from left to right, half of the time.
        random_crop: Shift training images by up to this many pixels.
        seed: Of the part and of the views.
    """

    has_labels: ClassVar[bool] = False

    def __init__(
        self,
        root: str | None = None,
        split: Literal["train", "valid", "test", "all"] = "train",
        image_size: PositiveInt = 64,
        resize: Literal["lanczos", "bicubic", "bilinear", "box"] = "lanczos",
        limit: PositiveInt | None = None,
        horizontal_flip: bool = False,
        random_crop: NonNegativeInt = 0,
        seed: int = 0,
    ) -> None:
        self._root = Path(root).expanduser() if root else cache_folder() / "data"
        self._place = self._root / "celeba"
        self._split = split
        super().__init__(
            image_size=image_size, resize=resize, max_bad=0, limit=limit,
            horizontal_flip=horizontal_flip, random_crop=random_crop, seed=seed,
        )  # fmt: skip

    @property
    def source(self) -> Folder:
        """The folder of the pictures."""
        return Folder(self._place / "img_align_celeba")

    @property
    def facts(self) -> DataFacts:
        """Known without reading."""
        return DataFacts("celeba", self.framing.image_size, 3, num_images=_SPLITS[self._split][1])

    @cached_property
    def listing(self) -> Listing:
        """The pictures of the split.

        Raises:
            ConfigError: The list of them is not there.
        """
        wanted = _SPLITS[self._split][0]
        try:
            lines = (self._place / "list_eval_partition.txt").read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ConfigError(self._missing("is not there")) from error
        names = tuple(line.split()[0] for line in lines if line.strip() and line.split()[1].startswith(wanted))
        key = hashlib.blake2b("\n".join(["celeba", *names]).encode(), digest_size=16).hexdigest()
        return Listing(names, None, (), (), key)

    def prepare_data(self) -> None:
        """Download the files unless they are there, and decode the images.

        Raises:
            ConfigError: They cannot be had; the message says which to put where.
        """
        try:
            download("celeba", self._root, self._whole, self._open)
        except FAILURES as error:
            raise ConfigError(self._missing(f"cannot be downloaded ({reason(error)})")) from error
        super().prepare_data()

    def _open(self, root: Path, fetch: bool) -> Any:
        return datasets.CelebA(str(root), split=self._split, download=fetch)

    def _whole(self) -> bool:
        return self.source.path.is_dir() and (self._place / "list_eval_partition.txt").is_file()

    def _missing(self, what: str) -> str:
        return f"dataset: celeba {what}: put {_FILES} into {self._place}"
