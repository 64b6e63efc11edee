"""Digits dataset of scikit-learn, which needs no download."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.types import DataFacts
from gan_experiments.data.base import ImageData


class Digits(ImageData):
    """Digits: 1,797 handwritten digits of 8x8 pixels, part of scikit-learn (Alpaydin & Kaynak 1998)."""

    known = DataFacts("digits", image_size=8, channels=1, num_classes=10, num_images=1797)

    def load(self) -> tuple[Tensor, Tensor]:
        """Read images, 17 grey levels scaled to [0, 255], uint8 ``(1797, 1, 8, 8)``, and labels ``(1797,)``."""
        from sklearn.datasets import load_digits  # takes a second to import: not for a config that is refused

        digits = load_digits()
        levels = torch.from_numpy(digits.images).unsqueeze(1)
        return (levels * (255 / 16)).round().to(torch.uint8), torch.from_numpy(digits.target).to(torch.int64)
