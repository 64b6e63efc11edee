"""CIFAR-10 and CIFAR-100 datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor
from torchvision import datasets

from gan_experiments.core.types import DataFacts
from gan_experiments.data.datasets.torchvision_data import TorchvisionData


class CIFAR10(TorchvisionData):
    """CIFAR-10: 50,000 training photographs of 32x32 pixels in 10 classes (Krizhevsky 2009)."""

    known = DataFacts("cifar10", image_size=32, channels=3, num_classes=10, num_images=50000)
    folder = "cifar-10-batches-py"
    files = "data_batch_1 to data_batch_5, test_batch and batches.meta (from cifar-10-python.tar.gz)"
    names: ClassVar[Sequence[str]] = (
        *("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    )
    source: ClassVar[Any] = datasets.CIFAR10


class CIFAR100(CIFAR10):
    """CIFAR-100: 50,000 training photographs of 32x32 pixels in 100 classes (Krizhevsky 2009)."""

    known = DataFacts("cifar100", image_size=32, channels=3, num_classes=100, num_images=50000)
    folder = "cifar-100-python"
    files = "train, test and meta (from cifar-100-python.tar.gz)"
    names = ()
    source = datasets.CIFAR100

    def read(self, dataset: Any) -> tuple[Tensor, Tensor | None]:
        """Return images and labels, and keep the class names, which are in the files."""
        self._names = list(dataset.classes)
        return super().read(dataset)

    @property
    def class_names(self) -> list[str]:
        """Names of the 100 fine classes; their numbers until the files have been read."""
        return getattr(self, "_names", None) or super().class_names
