"""Digits dataset of scikit-learn, which needs no download."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_experiments.core.types import DataFacts
from gan_experiments.data.base import ImageData


class Digits(ImageData):
    """Digits: 1,797 handwritten digits of 8x8 pixels, part of scikit-learn (Alpaydin & Kaynak 1998)."""

    known = DataFacts("digits", image_size=8, channels=1, num_classes=10, num_images=1797)

    def load(self) -> tuple[Tensor, Tensor]:
        """Read images, 17 grey levels scaled to [0, 255], uint8 ``(1797, 1, 8, 8)``, and labels ``(1797,)``."""
        table = torch.from_numpy(_cells())
        return (table[:, :-1] * (255 / 16)).round().to(torch.uint8).view(-1, 1, 8, 8), table[:, -1].long()


@cache
def _cells() -> NDArray[np.uint8]:
    """Read the file once, whatever number of runs and evaluations this process has: ``(1797, 65)``."""
    package = find_spec("sklearn")  # its file alone: to import scikit-learn takes a second
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    # np.loadtxt takes twenty times as long.
    cells = gzip.decompress(file.read_bytes()).replace(b"\n", b",")
    return np.fromstring(cells, dtype=np.uint8, sep=",").reshape(-1, 65)
