"""MNIST, Fashion-MNIST and KMNIST datasets."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torchvision import datasets

from gan_experiments.core.types import DataFacts
from gan_experiments.data.datasets.torchvision_data import TorchvisionData


class MNIST(TorchvisionData):
    """MNIST: 60,000 training images of handwritten digits, 28x28 pixels (LeCun et al. 1998)."""

    known = DataFacts("mnist", image_size=28, channels=1, num_classes=10, num_images=60000)
    folder = "MNIST/raw"
    files = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte"
    source: ClassVar[Any] = datasets.MNIST

    def read(self, dataset: Any) -> tuple[Tensor, Tensor]:
        """Return images ``(N, 1, 28, 28)`` and labels ``(N,)``."""
        return dataset.data.unsqueeze(1), dataset.targets.to(torch.int64)


class FashionMNIST(MNIST):
    """Fashion-MNIST: 60,000 training images of clothing, 28x28 pixels (Xiao, Rasul & Vollgraf 2017)."""

    known = DataFacts("fashion_mnist", image_size=28, channels=1, num_classes=10, num_images=60000)
    folder = "FashionMNIST/raw"
    names = datasets.FashionMNIST.classes
    source = datasets.FashionMNIST


class KMNIST(MNIST):
    """KMNIST: 60,000 training images of 10 handwritten hiragana, 28x28 pixels (Clanuwat et al. 2018)."""

    known = DataFacts("kmnist", image_size=28, channels=1, num_classes=10, num_images=60000)
    folder = "KMNIST/raw"
    names = datasets.KMNIST.classes
    source = datasets.KMNIST
