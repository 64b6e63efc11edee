"""Digits: the data that needs no download."""

from __future__ import annotations

from typing import ClassVar

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from gan_experiments.core.types import DataFacts
from gan_experiments.data.base import ImageData


class Digits(ImageData):
    """1,797 real handwritten digits, 8x8 pixels in 17 grey levels, carried by scikit-learn (Alpaydin & Kaynak 1998)."""

    known: ClassVar[DataFacts] = DataFacts("digits", image_size=8, channels=1, num_classes=10, num_images=1797)

    @property
    def facts(self) -> DataFacts:
        """Known without reading."""
        return self.known

    def load(self) -> tuple[Tensor, Tensor]:
        """Read the images with their 17 levels spread over [0, 255]: uint8 ``(1797, 1, 8, 8)``, labels ``(1797,)``."""
        digits = load_digits()
        levels = torch.from_numpy(digits.images).unsqueeze(1)
        return (levels * (255 / 16)).round().to(torch.uint8), torch.from_numpy(digits.target).to(torch.int64)
