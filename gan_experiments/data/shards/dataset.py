"""Dataset of tar shards in the WebDataset format, for data larger than memory."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.randomness import Stream
from gan_experiments.core.text import first_line, show
from gan_experiments.core.types import ConfigError, DataFacts, ImageSize, NonNegativeInt, PositiveInt
from gan_experiments.data.base import ImageData
from gan_experiments.data.batches import Fetch
from gan_experiments.data.files import cropping
from gan_experiments.data.files.framing import Bits, Channels, Framing, Resize, guess_size
from gan_experiments.data.files.pixel_cache import Pixels, load_pixels
from gan_experiments.data.order import Order, ShardOrder
from gan_experiments.data.shards.index import ShardIndex, load_index
from gan_experiments.data.shards.reader import ShardReader, opened

CLASS_NAMES = "classes.json"  # in the folder of the shards

_MOST_SHARDS = 100_000  # that one pattern stands for


class Shards(ImageData):
    """Images in tar shards (Aizman et al. 2019, WebDataset), read and decoded during training.

    Consecutive files with the same name form a sample: an image and, in ``.cls``, its class. Memory holds a mapped
    index of the samples and the images that generated ones are compared with.

    Args:
        urls: The shards, such as ``data/train-{0000..0063}.tar``; several patterns are joined by ``::``.
        image_size: Height and width in pixels, one number for squares; default: the shorter side of the first image, if
            at most 256.
        channels: 1 for grey, 3 for RGB; 2 and 4 add transparency; any other number needs arrays or pages of TIFF files.
        bits: 8, or 16 to keep the range of grey images of 16 bits and of arrays.
        resize: Resampling filter; all are antialiased.
        max_bad: Number of unreadable images to tolerate; they are left out and counted.
        reference_images: Number of images to compare with, spread over the shards; the same for every seed.
        shuffle_shards: Number of shards whose images are shuffled together.
        workers: Number of decoding threads; default: one per core.
        **options: Options of every dataset.
    """

    def __init__(
        self,
        urls: str,
        image_size: ImageSize | None = None,
        channels: Channels = 3,
        bits: Bits = 8,
        resize: Resize = "lanczos",
        max_bad: NonNegativeInt = 10,
        reference_images: PositiveInt = 10000,
        shuffle_shards: PositiveInt = 16,
        workers: PositiveInt | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._urls = urls
        self._image_size = image_size
        self._channels = channels
        self._bits = bits
        self._resize: Resize = resize
        self._max_bad = max_bad
        self._reference_images = reference_images
        self._shuffle_shards = shuffle_shards
        self._workers = workers or os.cpu_count() or 1

    @property
    def facts(self) -> DataFacts:
        """The facts, from the index of the shards.

        Raises:
            ConfigError: Shards are missing or damaged, or the first image is large and no ``image_size`` is given.
        """
        classes = len(self.index.class_sizes)
        return DataFacts(self._name, self.framing.image_size, self._channels, classes, self.num_images, bits=self._bits)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes from ``classes.json`` in the folder of the first shard; by default their numbers."""
        return self._class_names or super().class_names

    @cached_property
    def index(self) -> ShardIndex:
        """Index of the images in the shards."""
        return load_index(self._shards, cache_folder() / "shards", self._name, self._max_bad)

    @cached_property
    def framing(self) -> Framing:
        """How an image file becomes the pixels of the dataset."""
        first = self.index.name(0)
        size = self._image_size or guess_size(first, opened(self.index, {first: 0}))
        return Framing(size, self._channels, self._resize, self._bits)

    @property
    def num_images(self) -> int:
        """Number of images."""
        return len(self.index.entries)

    @property
    def num_training(self) -> int:
        """Number of images that are trained on."""
        return self.num_images if self._takes_all else len(self.training)

    @property
    def class_sizes(self) -> Tensor | None:
        """Number of training images of each class: int64, ``(K,)``; ``None`` for unlabelled data."""
        if self._takes_all and self.index.class_sizes:
            return torch.tensor(self.index.class_sizes)
        return super().class_sizes

    @property
    def trained(self) -> None:
        """``None``: ``images`` is a separate sample."""
        return

    @property
    def examples(self) -> Tensor:
        """Indices of all ``images``: int64."""
        return torch.arange(len(self.images))

    @cached_property
    def fingerprint(self) -> str:
        """A hash of labels, sizes and first bytes of the image files, and of how they become pixels."""
        recipe = {key: value for key, value in self.framing.recipe().items() if key != "pillow"}
        text = f"{self.index.fingerprint}{json.dumps(recipe, sort_keys=True)}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def about_files(self) -> dict[str, list[str]]:
        """Describe the number of shards, the image sizes, the resize, and unreadable files."""
        names = list(map(self.index.name, self._references.tolist()))
        bad = {names[index]: reason for index, reason in self._pixels.skipped.items()} | self.index.skipped
        return {
            "shards": [f"{len(self._shards):,}"],
            "in files": [f"{size} {count:,}" for size, count in self.index.sizes.items()],
            "resized": [cropping.words(self.framing, self.index.sizes, self._image_size is None)],
            "unreadable": [f"{name} ({reason})" for name, reason in bad.items()],
        } | ({"no image in": [f"{self.index.others:,} samples"]} if self.index.others else {})

    def prepare_data(self) -> None:
        """Index the shards and decode the reference images, unless both are in the cache.

        Raises:
            ConfigError: More than ``max_bad`` images are unreadable, or the disk has no space for the cache.
        """
        self.setup()

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Map the reference images: uint8 ``(N, C, H, W)``; labels ``(N,)`` if the shards have any."""
        read = [index not in self._pixels.skipped for index in range(len(self._references))]
        labels = self._all_labels
        return self._pixels.images, None if labels is None else labels[self._references[torch.tensor(read)]]

    def provenance(self) -> dict[str, Any]:
        """Return, beside the rest, how image files became pixels, and numbers of reference images, shards, skipped."""
        counts = {"reference_images": len(self.images), "shards": len(self._shards), "skipped": len(self.index.skipped)}
        return {**super().provenance(), **self.framing.recipe(), **counts}

    def order(self, seed: int) -> Order:
        """Return an order that reads ``shuffle_shards`` shards at a time."""
        counts = self.index.counts
        if not self._takes_all:
            counts = self.index.shard_of(self.training).bincount(minlength=len(counts))
        return ShardOrder(counts, self._shuffle_shards, seed)

    def fetch(self, device: torch.device) -> tuple[Fetch, bool]:
        """Return a reader that decodes images, which are always prefetched."""
        chosen = None if self._takes_all else self.training
        return ShardReader(self.index, self.framing, self._max_bad, chosen, self._workers), False

    @cached_property
    def _shards(self) -> list[Path]:
        return expand(self._urls)

    @property
    def _name(self) -> str:
        stem = re.sub(r"[^A-Za-z]*$", "", self._shards[0].stem) or self._shards[0].resolve().parent.name
        return re.sub(r"[^A-Za-z0-9_-]+", "_", stem)[:60] or "shards"

    @cached_property
    def _class_names(self) -> list[str]:
        file, classes = self._shards[0].parent / CLASS_NAMES, len(self.index.class_sizes)
        if not file.is_file():
            return []
        try:
            names = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"dataset.urls: {file} cannot be read ({error})") from error
        if not isinstance(names, list) or len(names) != classes:
            raise ConfigError(f"dataset.urls: {file} is not a list of {classes} names, one for each class")
        return [str(name) for name in names]

    @property
    def _all_labels(self) -> Tensor | None:
        return torch.from_numpy(self.index.entries["label"].astype("int64")) if self.index.class_sizes else None

    @cached_property
    def _references(self) -> Tensor:
        """Indices of the reference images, one from each of equal parts of the dataset: int64, ascending."""
        count = min(self._reference_images, self.num_images)
        borders = torch.arange(count + 1) * self.num_images // count
        widths = borders.diff()
        return borders[:-1] + (Stream("reference").uniform(count) * widths).long().clamp_(max=widths - 1)

    @cached_property
    def _pixels(self) -> Pixels:
        indices = {f"{self.index.name(index)} ({index})": index for index in self._references.tolist()}
        key = f"{self.index.fingerprint} {self._reference_images}"
        images, cache = opened(self.index, indices), cache_folder() / "images"
        cropping.warn(self.index.sizes, self._image_size is None)
        return load_pixels(cache, self._name, key, list(indices), images, self.framing, self._max_bad)


def expand(urls: str) -> list[Path]:
    """Return the paths that ``urls`` expands to.

    Raises:
        ConfigError: A URL is not a file path, or webdataset is not installed.
    """
    try:
        from webdataset.shardlists import braceexpand  # a module
    except ImportError:
        hint = "tar shards need webdataset: pip install 'gan-experiments[shards]'"
        raise ConfigError(f"dataset.urls: {hint}") from None
    if any(_size_of_range(*ends) > _MOST_SHARDS for ends in re.findall(r"\{(-?\d+)\.\.(-?\d+)", urls)):
        raise ConfigError(f"dataset.urls: a range of more than {_MOST_SHARDS:,} files")
    try:
        every = (url for pattern in urls.split("::") for url in braceexpand.braceexpand(pattern))
        expanded = list(islice(every, _MOST_SHARDS + 1))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"dataset.urls: {show(urls)} cannot be expanded ({first_line(error)})") from None
    if len(expanded) > _MOST_SHARDS:
        raise ConfigError(f"dataset.urls: {show(urls)} stands for more than {_MOST_SHARDS:,} files")
    for url in expanded:
        if re.match(r"\w[\w+.-]+:", url):  # webdataset would run the command after "pipe:"
            hint = "shards are read by random access, so they must be files (local or mounted)"
            raise ConfigError(f"dataset.urls: {url}: {hint}")
    return [Path(url).expanduser() for url in expanded]


def _size_of_range(first: str, last: str) -> int:
    """Return how many numbers a range in braces has; one of too many digits has too many."""
    return abs(int(first) - int(last)) + 1 if max(len(first), len(last)) < 20 else sys.maxsize
