"""Stacked MNIST and stacked digits: three digits as the channels of one image, 1,000 modes (Metz et al. 2017)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts, PositiveInt
from gan_experiments.data.base import ImageData
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.datasets.mnist import MNIST

_DIGITS = 10
_CHANNELS = 3
_COMPONENTS = 48  # principal components of the neighbour search: faster than all pixels, with no more errors
_PROBES = 1000  # digits from which the usual distance of neighbours is estimated
_USUAL = 0.99  # fraction of real digits that count as real


class NearestDigit:
    """Nearest-neighbour classifier of each channel; a cell is the number that the three digits form.

    A channel counts as real if its distance to the nearest real digit is at most the 99th percentile of the distances
    between real digits and their nearest neighbours; an image counts as real if all three channels do.

    Args:
        images: Real digits: uint8, ``(N, 1, H, W)``.
        labels: Their classes: int64, ``(N,)``.
    """

    num_cells = _DIGITS**_CHANNELS
    weights: Tensor | None = None

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self._digits = images.flatten(1)
        self._labels = labels
        pixels = self._digits.float()
        self._basis = torch.linalg.eigh(torch.cov(pixels.T)).eigenvectors[:, -_COMPONENTS:]
        self._codes = pixels @ self._basis
        probes = pixels[:_PROBES]
        nearest = torch.cdist(probes @ self._basis, self._codes).topk(2, largest=False).indices
        neighbours = pixels[nearest[:, 1]]  # the nearest digit is the probe itself
        self._max_distance = float((probes - neighbours).norm(dim=1).quantile(_USUAL))

    def assign_modes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the number shown by each image, uint8 ``(B, 3, H, W)``, and whether all channels count as real."""
        pixels = images.flatten(0, 1).flatten(1).float()
        codes, own = pixels @ self._basis.to(images.device), self._codes.to(images.device)
        nearest = torch.cat([torch.cdist(part, own).argmin(1) for part in torch.split(codes, 1000)])
        distances = (pixels - self._digits.to(images.device)[nearest]).norm(dim=1).view(-1, _CHANNELS)
        digits = self._labels.to(images.device)[nearest].view(-1, _CHANNELS)
        powers = torch.tensor([_DIGITS**2, _DIGITS, 1], device=images.device)
        return (digits * powers).sum(1), (distances <= self._max_distance).all(1)


class StackedDigits(ImageData):
    """Stacked digits of scikit-learn: all 1,000 numbers equally probable; a sample that is the same for every run.

    Args:
        num_images: Number of images in the sample.
    """

    has_known_distribution: ClassVar[bool] = True

    def __init__(self, num_images: PositiveInt = 128000) -> None:
        super().__init__()
        self._count = num_images
        self._single: ImageData = Digits()

    @property
    def facts(self) -> DataFacts:
        """The facts of the digits, with three channels and 1,000 classes."""
        single = self._single.facts
        return DataFacts(f"stacked_{single.name}", single.image_size, _CHANNELS, NearestDigit.num_cells, self._count)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes: the digits of the red, green and blue channels."""
        return [f"{number:03}" for number in range(NearestDigit.num_cells)]

    def prepare_data(self) -> None:
        """Download the digits if they are missing."""
        self._single.prepare_data()

    def load(self) -> tuple[Tensor, Tensor]:
        """Stack digits: images, uint8 ``(N, 3, H, W)``, and labels ``(N,)``, the numbers."""
        images, labels = self._single.images, self._single.labels
        assert labels is not None
        self.known_distribution = NearestDigit(images, labels)
        stream = Stream("stacked", self.facts.name)
        numbers = stream.integers(NearestDigit.num_cells, self._count)
        uniform = stream.uniform(self._count, _CHANNELS).double()
        stacked = torch.empty(self._count, _CHANNELS, *images.shape[2:], dtype=torch.uint8)
        for channel in range(_CHANNELS):
            digits = numbers // _DIGITS ** (_CHANNELS - 1 - channel) % _DIGITS
            for digit in range(_DIGITS):
                rows, candidates = (digits == digit).nonzero().squeeze(1), (labels == digit).nonzero().squeeze(1)
                chosen = candidates[(uniform[rows, channel] * len(candidates)).long()]
                stacked[rows, channel] = images[chosen, 0]
        return stacked, numbers


class StackedMNIST(StackedDigits):
    """Stacked MNIST: all 1,000 numbers equally probable; a sample that is the same for every run.

    Args:
        root: Folder that contains ``MNIST/raw``; default: the cache folder. Missing files are downloaded.
        num_images: Number of images in the sample.
    """

    def __init__(self, root: str | None = None, num_images: PositiveInt = 128000) -> None:
        super().__init__(num_images)
        self._single = MNIST(root)
