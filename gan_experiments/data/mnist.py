"""MNIST."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torchvision import datasets

from gan_experiments.cache import cache_folder
from gan_experiments.data.base import ImageData
from gan_experiments.types import ConfigError, DataFacts


class MNIST(ImageData):
    """60,000 handwritten digits of 28x28 pixels, the training images of MNIST (LeCun et al. 1998).

    Args:
        root: Folder that holds ``MNIST/raw``; default: the cache folder. Files that are missing are downloaded.
    """

    def __init__(self, root: str | None = None) -> None:
        super().__init__()
        self._root = Path(root).expanduser() if root else cache_folder() / "data"

    @property
    def facts(self) -> DataFacts:
        """Known without reading."""
        return DataFacts("mnist", image_size=28, channels=1, num_classes=10, num_images=60000)

    def prepare_data(self) -> None:
        """Download the files that are missing.

        Raises:
            ConfigError: They cannot be had; the message says which to put where.
        """
        try:
            datasets.MNIST(str(self._root), train=True, download=True)
        except (OSError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(self._missing(f"cannot be downloaded ({reason})")) from error

    def load(self) -> tuple[Tensor, Tensor]:
        """Read the training images: uint8 ``(60000, 1, 28, 28)``, labels ``(60000,)``.

        Raises:
            ConfigError: They are not there.
        """
        try:
            found = datasets.MNIST(str(self._root), train=True, download=False)
        except RuntimeError as error:
            raise ConfigError(self._missing("is not there")) from error
        return found.data.unsqueeze(1), found.targets.to(torch.int64)

    def _missing(self, what: str) -> str:
        files = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte"
        return f"dataset: mnist {what}: put {files} into {self._root / 'MNIST' / 'raw'}"
