"""Street View House Numbers dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision import datasets

from gan_experiments.core.types import DataFacts
from gan_experiments.data.datasets.torchvision_data import TorchvisionData


class SVHN(TorchvisionData):
    """SVHN: 73,257 training images of digits in house numbers, 32x32 pixels (Netzer et al. 2011)."""

    known = DataFacts("svhn", image_size=32, channels=3, num_classes=10, num_images=73257)
    folder = "."
    files = "train_32x32.mat"

    def open(self, root: Path, download: bool) -> Any:
        """Open the training images; torchvision checks the file."""
        return datasets.SVHN(str(root), split="train", download=download)

    def read(self, dataset: Any) -> tuple[Tensor, Tensor]:
        """Return images ``(N, 3, 32, 32)`` and labels ``(N,)``, the digits."""
        return torch.from_numpy(dataset.data), torch.from_numpy(dataset.labels)
