"""Sets larger than memory: images in tar shards, in the format of webdataset."""

from __future__ import annotations

import hashlib
import json
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts, LongTail, NonNegativeInt, PositiveInt
from gan_experiments.data.base import ImageData
from gan_experiments.data.batches import Fetch
from gan_experiments.data.files.framing import Framing, guess_size
from gan_experiments.data.files.pixel_cache import Pixels, load_pixels
from gan_experiments.data.order import Order, ShardOrder
from gan_experiments.data.shards.index import ShardIndex, load_index
from gan_experiments.data.shards.reader import ShardFiles, ShardReader

CLASS_NAMES = "classes.json"  # beside the shards


class Shards(ImageData):
    """Images in tar shards (Aizman et al. 2019, WebDataset), read where they lie while a run goes on.

    Files that follow each other and share a name make a sample: an image, and its class in ``.cls``. In memory are an
    index of them, mapped from a file, and the images that generated ones are compared with.

    Args:
        urls: The shards: ``data/train-{0000..0063}.tar``; several such joined by ``::``.
        image_size: Pixels; default: the shorter side of the first picture, up to 256.
        channels: 1 for grey, 3 for colours.
        resize: The filter; all are antialiased.
        max_bad: Pictures that may be unreadable; they are left out and counted.
        reference_images: Images to compare with, spread over the shards; the same for every seed.
        shuffle_shards: Shards whose images are shuffled among each other.
        workers: Threads that decode; default: one for each core.
        limit: Train on this many images.
        per_class: Train on this many images of each class.
        long_tail: Size of the largest class over that of the smallest; 1: as they are.
        horizontal_flip: Mirror training images from left to right, half of the time.
        random_crop: Shift training images by up to this many pixels.
        seed: Of the part and of the views.
    """

    def __init__(
        self,
        urls: str,
        image_size: PositiveInt | None = None,
        channels: Literal[1, 3] = 3,
        resize: Literal["lanczos", "bicubic", "bilinear", "box"] = "lanczos",
        max_bad: NonNegativeInt = 10,
        reference_images: PositiveInt = 10000,
        shuffle_shards: PositiveInt = 16,
        workers: PositiveInt | None = None,
        limit: PositiveInt | None = None,
        per_class: PositiveInt | None = None,
        long_tail: LongTail = 1.0,
        horizontal_flip: bool = False,
        random_crop: NonNegativeInt = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(limit, per_class, long_tail, horizontal_flip, random_crop, seed)
        self._urls = urls
        self._image_size = image_size
        self._channels = channels
        self._resize: Literal["lanczos", "bicubic", "bilinear", "box"] = resize
        self._max_bad = max_bad
        self._reference_images = reference_images
        self._shuffle_shards = shuffle_shards
        self._workers = workers or os.cpu_count() or 1

    @property
    def facts(self) -> DataFacts:
        """Known from the index of the shards.

        Raises:
            ConfigError: Shards are missing or damaged, or no size is given and the first picture is large.
        """
        classes = len(self.index.class_sizes)
        return DataFacts(self._name, self.framing.image_size, self.framing.channels, classes, self.num_images)

    @property
    def class_names(self) -> list[str]:
        """The names in ``classes.json`` beside the first shard, where there is one; or else the numbers."""
        return self._class_names or super().class_names

    @cached_property
    def index(self) -> ShardIndex:
        """Where each image lies."""
        return load_index(self._shards, cache_folder() / "shards", self._name, self._max_bad)

    @cached_property
    def framing(self) -> Framing:
        """What is made of each picture."""
        first = self.index.name(0)
        size = self._image_size or guess_size(first, ShardFiles(self.index).opened({first: 0}))
        return Framing(size, self._channels, self._resize)

    @property
    def num_images(self) -> int:
        """How many images there are."""
        return len(self.index.entries)

    @property
    def num_training(self) -> int:
        """How many of them are trained on."""
        return self.num_images if self._takes_all else len(self.training)

    @property
    def class_sizes(self) -> Tensor | None:
        """How many images of each class are trained on: int64, ``(K,)``; ``None`` for unlabelled data."""
        if self._takes_all and self.index.class_sizes:
            return torch.tensor(self.index.class_sizes)
        return super().class_sizes

    @property
    def trained(self) -> None:
        """Not known: ``images`` are a choice of their own."""
        return

    @property
    def examples(self) -> Tensor:
        """All of ``images``: int64 indices."""
        return torch.arange(len(self.images))

    @cached_property
    def fingerprint(self) -> str:
        """A hash of labels, sizes and beginnings of the pictures, and of what is made of them."""
        recipe = {key: value for key, value in self.framing.recipe().items() if key != "pillow"}
        text = f"{self.index.fingerprint}{json.dumps(recipe, sort_keys=True)}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def about_files(self) -> dict[str, list[str]]:
        """Say how many shards there are, the sizes of the pictures, and which are left out."""
        names = list(map(self.index.name, self._references.tolist()))
        bad = {names[place]: reason for place, reason in self._pixels.skipped.items()} | self.index.skipped
        return {
            "shards": [f"{len(self._shards):,}"],
            "in files": [f"{size} {count:,}" for size, count in self.index.sizes.items()],
            "resized": [f"{self.framing.resize}, central square"],
            "unreadable": [f"{name} ({reason})" for name, reason in bad.items()],
        } | ({"no image in": [f"{self.index.others:,} samples"]} if self.index.others else {})

    def prepare_data(self) -> None:
        """Index the shards and decode the images to compare with, unless that has been done.

        Raises:
            ConfigError: More than ``max_bad`` cannot be read, or there is no space for what they are decoded to.
        """
        self.setup()

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Map the images to compare with: uint8 ``(N, C, H, W)``; labels ``(N,)`` if the shards hold any."""
        read = [place not in self._pixels.skipped for place in range(len(self._references))]
        labels = self._all_labels
        return self._pixels.images, None if labels is None else labels[self._references[torch.tensor(read)]]

    def provenance(self) -> dict[str, Any]:
        """Say beside the rest how pictures became images, how many are compared with, and how many are left out."""
        told = {"reference_images": len(self.images), "shards": len(self._shards), "skipped": len(self.index.skipped)}
        return {**super().provenance(), **self.framing.recipe(), **told}

    def order(self, seed: int) -> Order:
        """Return an order that reads ``shuffle_shards`` shards at a time."""
        counts = self.index.counts
        if not self._takes_all:
            counts = self.index.shard_of(self.training).bincount(minlength=len(counts))
        return ShardOrder(counts, self._shuffle_shards, seed)

    def fetch(self, device: torch.device) -> tuple[Fetch, bool]:
        """Return what reads and decodes images, always ahead of time."""
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
        except (OSError, ValueError) as error:
            raise ConfigError(f"dataset.urls: {file} cannot be read ({error})") from error
        if not isinstance(names, list) or len(names) != classes:
            raise ConfigError(f"dataset.urls: {file} is no list of {classes} names, one for each class")
        return [str(name) for name in names]

    @property
    def _all_labels(self) -> Tensor | None:
        return torch.from_numpy(self.index.entries["label"].astype("int64")) if self.index.class_sizes else None

    @cached_property
    def _references(self) -> Tensor:
        """The numbers of the images to compare with, one from each of equal parts of the set: int64, ascending."""
        count = min(self._reference_images, self.num_images)
        borders = torch.arange(count + 1) * self.num_images // count
        widths = borders.diff()
        return borders[:-1] + (Stream("reference").uniform(count) * widths).long().clamp_(max=widths - 1)

    @cached_property
    def _pixels(self) -> Pixels:
        names = [f"{self.index.name(place)} ({place})" for place in self._references.tolist()]
        places = dict(zip(names, self._references.tolist(), strict=True))
        key = f"{self.index.fingerprint} {self._reference_images}"
        opened = ShardFiles(self.index).opened(places)
        return load_pixels(cache_folder() / "images", self._name, key, names, opened, self.framing, self._max_bad)


def expand(urls: str) -> list[Path]:
    """Return the files that ``urls`` stands for.

    Raises:
        ConfigError: They are no files, or webdataset is not installed.
    """
    try:
        from webdataset.shardlists import expand_urls
    except ImportError:
        needed = "tar shards need webdataset: pip install 'gan-experiments[shards]'"
        raise ConfigError(f"dataset.urls: {needed}") from None
    expanded = expand_urls(urls)
    for url in expanded:
        if re.match(r"\w[\w+.-]+:", url):  # webdataset would run what follows pipe:
            raise ConfigError(
                f"dataset.urls: {url}: images are read at any place, so shards must be files, here or mounted"
            )
    return [Path(url).expanduser() for url in expanded]
