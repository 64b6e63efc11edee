"""Datasets of the user's own image files, in a folder or a zip archive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from posixpath import commonpath, dirname
from typing import Any

import torch
from torch import Tensor

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.types import ConfigError, DataFacts, ImageSize, NonNegativeInt
from gan_experiments.data.base import ImageData
from gan_experiments.data.files import cropping, dataset_json
from gan_experiments.data.files.framing import Bits, Channels, Framing, Resize, guess_size
from gan_experiments.data.files.listing import Archive, Folder, Listing, list_images
from gan_experiments.data.files.pictures import Opened
from gan_experiments.data.files.pixel_cache import Pixels, load_pixels


class CachedImages(ImageData):
    """Images of any format, size and mode that Pillow reads, decoded once into a memory-mapped cache.

    Args:
        image_size: Height and width in pixels, one number for squares; default: the shorter side of the first image, if
            at most 256.
        channels: 1 for grey, 3 for RGB; 2 and 4 add transparency; any other number needs arrays or pages of TIFF files.
        bits: 8, or 16 to keep the range of grey images of 16 bits and of arrays.
        resize: Resampling filter; all are antialiased.
        max_bad: Number of unreadable files to tolerate; they are left out and counted.
        **options: Options of every dataset.

    Attributes:
        source: Where the images come from, set by the subclass.
    """

    source: Opened

    def __init__(
        self,
        image_size: ImageSize | None = None,
        channels: Channels = 3,
        bits: Bits = 8,
        resize: Resize = "lanczos",
        max_bad: NonNegativeInt = 10,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._image_size = image_size
        self._guessed = image_size is None
        self._channels = channels
        self._bits = bits
        self._resize: Resize = resize
        self._max_bad = max_bad

    @property
    def facts(self) -> DataFacts:
        """The facts, from the names of the files; ``num_images`` is set once the files have been decoded.

        Raises:
            ConfigError: There are no images, or the first is large and no ``image_size`` is given.
        """
        count = len(self._pixels.images) if "_pixels" in self.__dict__ else None
        classes = len(self.listing.class_names)
        return DataFacts(self._name, self.framing.image_size, self._channels, classes, count, bits=self._bits)

    @property
    def split(self) -> str:
        """Subfolder of the source that is read."""
        return self.listing.below.rstrip("/") or "all"

    @property
    def class_names(self) -> list[str]:
        """Names of the class folders."""
        return list(self.listing.class_names)

    @cached_property
    def listing(self) -> Listing:
        """Names and labels of the images."""
        raise NotImplementedError

    @cached_property
    def framing(self) -> Framing:
        """How an image file becomes the pixels of the dataset."""
        size = self._image_size or guess_size(self.listing.names[0], self.source.opened())
        return Framing(size, self._channels, self._resize, self._bits)

    @property
    def skipped(self) -> dict[str, str]:
        """Names of the unreadable files, with the reason."""
        return {self.listing.names[index]: reason for index, reason in self._pixels.skipped.items()}

    def about_files(self) -> dict[str, list[str]]:
        """Describe the subfolder, the image sizes, the resize, and unreadable and ignored files."""
        below = {"folder": [self.listing.below]} if self.listing.below else {}
        return below | {
            "in files": [f"{size} {count:,}" for size, count in self._pixels.sizes.items()],
            "resized": [cropping.words(self.framing, self._pixels.sizes, self._guessed)],
            "unreadable": [f"{name} ({reason})" for name, reason in self.skipped.items()],
            "ignored": list(self.listing.ignored),
        }

    def prepare_data(self) -> None:
        """Decode the image files, unless they are in the cache.

        Raises:
            ConfigError: More than ``max_bad`` files are unreadable, or the disk has no space for the cache.
        """
        self.setup()

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Map the images: uint8 or uint16 ``(N, C, H, W)``; labels ``(N,)`` if there are class folders."""
        labels = self.listing.labels
        if labels is None:
            return self._pixels.images, None
        kept = [label for index, label in enumerate(labels) if index not in self._pixels.skipped]
        lost = sorted(set(labels) - set(kept))
        if lost:
            names = ", ".join(self.class_names[label] for label in lost)
            raise ConfigError(f"{self.source.key}: no image of class {names} can be read")
        return self._pixels.images, torch.tensor(kept, dtype=torch.int64)

    def provenance(self) -> dict[str, Any]:
        """Return, beside the rest, how image files became pixels and how many were unreadable."""
        return {**super().provenance(), **self.framing.recipe(), "skipped": len(self._pixels.skipped)}

    @cached_property
    def _pixels(self) -> Pixels:
        cache, listing, opened = cache_folder() / "images", self.listing, self.source.opened()
        pixels = load_pixels(cache, self._name, listing.key, listing.names, opened, self.framing, self._max_bad)
        cropping.warn(pixels.sizes, self._guessed)
        return pixels

    @property
    def _name(self) -> str:
        return re.sub(r"[^A-Za-z0-9_-]+", "_", self.source.path.resolve().stem)[:60] or "images"


class ImageFiles(CachedImages):
    """Image files in a folder or archive.

    Args:
        folder: Subfolder to read; default: ``train`` if the folders are splits, otherwise all of them.
        **options: Options of every dataset of decoded images.
    """

    source: Folder | Archive

    def __init__(self, folder: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._subfolder = folder

    @cached_property
    def listing(self) -> Listing:
        """Names and labels of the image files; labels in ``dataset.json`` go before those of folders."""
        listing = list_images(self.source, self._subfolder)
        for folder in _folders_of_all(listing.names) if self._subfolder is None else ():
            if (text := self.source.text(folder + dataset_json.NAME)) is not None:
                return dataset_json.with_labels(listing, text, self.source.key, folder)
        return listing


def _folders_of_all(names: Sequence[str]) -> list[str]:
    """Return the folders that contain all files of a sorted list, with a trailing slash, from the source itself on."""
    parts = commonpath([dirname(names[0]), dirname(names[-1])]).split("/")
    return ["", *(f"{'/'.join(parts[:depth])}/" for depth in range(1, len(parts) + 1) if parts[0])]


class ImageFolder(ImageFiles):
    """Image files in a folder, either flat or with one subfolder per class.

    Args:
        root: The folder.
        **options: Options of every dataset of image files.
    """

    def __init__(self, root: str, **options: Any) -> None:
        super().__init__(**options)
        self.source = Folder(Path(root).expanduser())


class ImageArchive(ImageFiles):
    """Image files in a zip archive, either flat or with one folder per class; the archive is never unpacked.

    Args:
        path: The archive.
        **options: Options of every dataset of image files.
    """

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(**options)
        self.source = Archive(Path(path).expanduser())
