"""STL-10."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d
from torchvision import datasets

from gan_experiments.core.types import DataFacts, LongTail, NonNegativeInt, PositiveInt
from gan_experiments.data.datasets.torchvision_data import Standard

_COUNTS = {"train": 5000, "unlabeled": 100000, "train+unlabeled": 105000}


class STL10(Standard):
    """Photographs of 96x96 pixels (Coates, Lee & Ng 2011): 100,000 without labels, 5,000 with one of 10.

    Args:
        root: Folder that holds ``stl10_binary``; default: the cache folder. What is missing is downloaded.
        split: Which images; only ``train`` has labels.
        image_size: Pixels; smaller images are means of whole blocks of pixels.
        limit: Train on this many images.
        per_class: Train on this many images of each class.
        long_tail: Size of the largest class over that of the smallest; 1: as they are.
        horizontal_flip: Mirror training images from left to right, half of the time.
        random_crop: Shift training images by up to this many pixels.
        seed: Of the part and of the views.
    """

    splits_without_labels = ("unlabeled", "train+unlabeled")
    known = DataFacts("stl10", image_size=96, channels=3)
    folder = "stl10_binary"
    files = "train_X.bin, train_y.bin, unlabeled_X.bin, test_X.bin and test_y.bin (from stl10_binary.tar.gz)"
    names = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")

    def __init__(
        self,
        root: str | None = None,
        split: Literal["train", "unlabeled", "train+unlabeled"] = "unlabeled",
        image_size: Literal[96, 48, 32] = 48,
        limit: PositiveInt | None = None,
        per_class: PositiveInt | None = None,
        long_tail: LongTail = 1.0,
        horizontal_flip: bool = False,
        random_crop: NonNegativeInt = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(root, limit, per_class, long_tail, horizontal_flip, random_crop, seed)
        self._split = split
        self._image_size = image_size

    @property
    def facts(self) -> DataFacts:
        """Known without reading."""
        classes = 10 if self._split == "train" else 0
        return DataFacts("stl10", self._image_size, 3, classes, _COUNTS[self._split])

    @property
    def split(self) -> str:
        """Which images of the dataset these are."""
        return self._split

    def open(self, root: Path, download: bool) -> Any:
        """Open the images of the split; torchvision checks every file."""
        return datasets.STL10(str(root), split=self._split, download=download)

    def read(self, dataset: Any) -> tuple[Tensor, Tensor | None]:
        """Return images ``(N, 3, image_size, image_size)`` and, of ``train``, labels ``(N,)``."""
        images = torch.from_numpy(dataset.data)
        if self._image_size < 96:
            images = torch.cat([_shrunk(part, 96 // self._image_size) for part in torch.split(images, 1000)])
        labels = torch.from_numpy(dataset.labels).to(torch.int64) if self._split == "train" else None
        return images, labels


def _shrunk(images: Tensor, factor: int) -> Tensor:
    return avg_pool2d(images.to(torch.float32), factor).round_().to(torch.uint8)
