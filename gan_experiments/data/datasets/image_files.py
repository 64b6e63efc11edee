"""Datasets made of the user's own pictures: a folder, a zip archive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.types import ConfigError, DataFacts, LongTail, NonNegativeInt, PositiveInt
from gan_experiments.data.base import ImageData
from gan_experiments.data.files.framing import Framing, guess_size
from gan_experiments.data.files.listing import Archive, Folder, Listing, list_pictures
from gan_experiments.data.files.pixel_cache import Pixels, load_pixels


@dataclass(kw_only=True, eq=False, repr=False)
class Pictures(ImageData):
    """Pictures of any format, size and kind that Pillow reads, decoded once and mapped from a file afterwards.

    A dataclass, so that its kinds share one list of arguments; a subclass says where the pictures lie.

    Args:
        folder: The folder within; default: ``train`` if its folders are splits, or else all.
        image_size: Pixels; default: the shorter side of the first picture, up to 256.
        channels: 1 for grey, 3 for colours.
        resize: The filter; all are antialiased.
        max_bad: Pictures that may be unreadable; they are left out and counted.
        limit: Train on this many images.
        per_class: Train on this many images of each class.
        long_tail: Size of the largest class over that of the smallest; 1: as they are.
        horizontal_flip: Mirror training images from left to right, half of the time.
        random_crop: Shift training images by up to this many pixels.
        seed: Of the part and of the views.
    """

    folder: str | None = None
    image_size: PositiveInt | None = None
    channels: Literal[1, 3] = 3
    resize: Literal["lanczos", "bicubic", "bilinear", "box"] = "lanczos"
    max_bad: NonNegativeInt = 10
    limit: PositiveInt | None = None
    per_class: PositiveInt | None = None
    long_tail: LongTail = 1.0
    horizontal_flip: bool = False
    random_crop: NonNegativeInt = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Hand on what every dataset takes."""
        super().__init__(self.limit, self.per_class, self.long_tail, self.horizontal_flip, self.random_crop, self.seed)

    @property
    def source(self) -> Folder | Archive:
        """Where the pictures lie."""
        raise NotImplementedError

    @property
    def facts(self) -> DataFacts:
        """Known from the names of the files; how many can be read is known once they have been.

        Raises:
            ConfigError: There are no pictures, or no size is given and the first is large.
        """
        count = len(self._pixels.images) if "_pixels" in self.__dict__ else None
        classes = len(self.listing.class_names)
        return DataFacts(self._name, self.framing.image_size, self.framing.channels, classes, count)

    @property
    def split(self) -> str:
        """The folder within the source."""
        return self.listing.below.rstrip("/") or "all"

    @property
    def class_names(self) -> list[str]:
        """The class folders."""
        return list(self.listing.class_names)

    @cached_property
    def listing(self) -> Listing:
        """The pictures by name."""
        return list_pictures(self.source, self.folder)

    @cached_property
    def framing(self) -> Framing:
        """What is made of each picture."""
        size = self.image_size or guess_size(self.listing.names[0], self.source.opened())
        return Framing(size, self.channels, self.resize)

    @property
    def skipped(self) -> dict[str, str]:
        """The pictures that could not be read, with the reason."""
        return {self.listing.names[place]: reason for place, reason in self._pixels.skipped.items()}

    def about_files(self) -> dict[str, list[str]]:
        """Say where the pictures lie, their sizes there, and which are left out."""
        below = {"folder": [self.listing.below]} if self.listing.below else {}
        return below | {
            "in files": [f"{size} {count:,}" for size, count in self._pixels.sizes.items()],
            "resized": [f"{self.framing.resize}, central square"],
            "unreadable": [f"{name} ({reason})" for name, reason in self.skipped.items()],
            "ignored": list(self.listing.ignored),
        }

    def prepare_data(self) -> None:
        """Decode the pictures, unless they have been.

        Raises:
            ConfigError: More than ``max_bad`` cannot be read, or there is no space for what they are decoded to.
        """
        self.setup()

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Map the images: uint8 ``(N, C, H, W)``; labels ``(N,)`` if there are class folders."""
        labels = self.listing.labels
        if labels is None:
            return self._pixels.images, None
        kept = [label for place, label in enumerate(labels) if place not in self._pixels.skipped]
        lost = sorted(set(labels) - set(kept))
        if lost:
            names = ", ".join(self.class_names[label] for label in lost)
            raise ConfigError(f"{self.source.key}: no image of class {names} can be read")
        return self._pixels.images, torch.tensor(kept, dtype=torch.int64)

    def provenance(self) -> dict[str, Any]:
        """Say beside the rest how pictures became images, and how many could not be read."""
        return {**super().provenance(), **self.framing.recipe(), "skipped": len(self._pixels.skipped)}

    @cached_property
    def _pixels(self) -> Pixels:
        place = cache_folder() / "images"
        listing, opened = self.listing, self.source.opened()
        return load_pixels(place, self._name, listing.key, listing.names, opened, self.framing, self.max_bad)

    @property
    def _name(self) -> str:
        return re.sub(r"[^A-Za-z0-9_-]+", "_", self.source.path.resolve().stem)[:60] or "images"


@dataclass(eq=False, repr=False)
class ImageFolder(Pictures):
    """Pictures in a folder, flat or with one subfolder for each class.

    Args:
        root: The folder. The other arguments are those of ``Pictures``.
    """

    root: str

    @property
    def source(self) -> Folder:
        """The folder."""
        return Folder(Path(self.root).expanduser())


@dataclass(eq=False, repr=False)
class ImageArchive(Pictures):
    """Pictures in a zip archive, flat or with one folder for each class; it is never unpacked.

    Args:
        path: The archive. The other arguments are those of ``Pictures``.
    """

    path: str

    @property
    def source(self) -> Archive:
        """The archive."""
        return Archive(Path(self.path).expanduser())
