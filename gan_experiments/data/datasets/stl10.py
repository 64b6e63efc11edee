"""STL-10 dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d
from torchvision import datasets

from gan_experiments.core.types import DataFacts
from gan_experiments.data.datasets.torchvision_data import TorchvisionData

_COUNTS = {"train": 5000, "unlabeled": 100000, "train+unlabeled": 105000}


class STL10(TorchvisionData):
    """STL-10: photographs of 96x96 pixels, 100,000 unlabelled, 5,000 in 10 classes (Coates, Lee & Ng 2011).

    Args:
        root: Folder that contains ``stl10_binary``; default: the cache folder. Missing files are downloaded.
        split: Images to use; only ``train`` has labels.
        image_size: Height and width in pixels; 48 and 32 average blocks of 2x2 and 3x3 pixels.
        **options: Options of every dataset.
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
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        self._split = split
        self._image_size = image_size
        self.known = DataFacts("stl10", image_size, 3, 10 if split == "train" else 0, _COUNTS[split])

    @property
    def split(self) -> str:
        """Name of the split."""
        return self._split

    def open(self, root: Path, download: bool) -> Any:
        """Open the images of the split; torchvision checks every file."""
        return datasets.STL10(str(root), split=self._split, download=download)

    def read(self, dataset: Any) -> tuple[Tensor, Tensor | None]:
        """Return images ``(N, 3, image_size, image_size)``, and labels ``(N,)`` of the split ``train``."""
        images = torch.from_numpy(dataset.data)
        if self._image_size < 96:
            pooled = (avg_pool2d(part.float(), 96 // self._image_size) for part in torch.split(images, 1000))
            images = torch.cat([part.round_().to(torch.uint8) for part in pooled])
        labels = torch.from_numpy(dataset.labels).to(torch.int64) if self._split == "train" else None
        return images, labels
