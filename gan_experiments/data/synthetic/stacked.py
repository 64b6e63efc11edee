"""Three digits as the three colours of one image: 1,000 modes, known by name (Metz et al. 2017)."""

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
_COMPONENTS = 48  # principal components that neighbours are sought in: as many errors as in all pixels or fewer, sooner
_PROBES = 1000  # digits that tell how far apart neighbours usually are
_USUAL = 0.99  # share of real digits that count as real


class NearestDigit:
    """Reads each channel as the digit of the real one that is nearest to it; a cell is a number of three digits.

    A channel counts as real if its distance to that one is within what 99 % of the real digits are from the nearest
    other; an image, if all three are.

    Args:
        images: Real digits: uint8, ``(N, 1, H, W)``.
        labels: What they are: int64, ``(N,)``.
    """

    num_cells = _DIGITS**_CHANNELS

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self._digits = images.flatten(1)
        self._labels = labels
        pixels = self._digits.float()
        self._basis = torch.linalg.eigh(torch.cov(pixels.T)).eigenvectors[:, -_COMPONENTS:]
        self._codes = pixels @ self._basis
        probes = pixels[:_PROBES]
        near = (
            torch.cdist(probes @ self._basis, self._codes).topk(2, largest=False).indices[:, 1]
        )  # the first is itself
        self._usual = float((probes - pixels[near]).norm(dim=1).quantile(_USUAL))

    def assign_modes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Read images, uint8 ``(B, 3, H, W)``."""
        pixels = images.flatten(0, 1).flatten(1).float()
        codes, own = pixels @ self._basis.to(images.device), self._codes.to(images.device)
        nearest = torch.cat([torch.cdist(part, own).argmin(1) for part in torch.split(codes, 1000)])
        distances = (pixels - self._digits.to(images.device)[nearest]).norm(dim=1).view(-1, _CHANNELS)
        digits = self._labels.to(images.device)[nearest].view(-1, _CHANNELS)
        places = torch.tensor([_DIGITS**2, _DIGITS, 1], device=images.device)
        return (digits * places).sum(1), (distances <= self._usual).all(1)


class StackedDigits(ImageData):
    """Three of the small digits of scikit-learn at a time, all 1,000 numbers equally probable, the same for every run.

    Args:
        num_images: How many.
    """

    has_known_distribution: ClassVar[bool] = True

    def __init__(self, num_images: PositiveInt = 128000) -> None:
        super().__init__()
        self._count = num_images
        self._single: ImageData = Digits()

    @property
    def facts(self) -> DataFacts:
        """Those of the digits, with three channels and 1,000 classes."""
        single = self._single.facts
        return DataFacts(f"stacked_{single.name}", single.image_size, _CHANNELS, NearestDigit.num_cells, self._count)

    @property
    def class_names(self) -> list[str]:
        """The digits of the red, the green and the blue channel."""
        return [f"{number:03}" for number in range(NearestDigit.num_cells)]

    def prepare_data(self) -> None:
        """Have the digits ready."""
        self._single.prepare_data()

    def load(self) -> tuple[Tensor, Tensor]:
        """Stack digits: uint8 ``(N, 3, H, W)``; labels ``(N,)``: the number."""
        images, labels = self._single.images, self._single.labels
        assert labels is not None
        self.known_distribution = NearestDigit(images, labels)
        stream = Stream("stacked", self.facts.name)
        numbers = stream.integers(NearestDigit.num_cells, self._count)
        chances = stream.uniform(self._count, _CHANNELS).double()
        stacked = torch.empty(self._count, _CHANNELS, *images.shape[2:], dtype=torch.uint8)
        for channel in range(_CHANNELS):
            wanted = numbers // _DIGITS ** (_CHANNELS - 1 - channel) % _DIGITS
            for digit in range(_DIGITS):
                places, choices = (wanted == digit).nonzero().squeeze(1), (labels == digit).nonzero().squeeze(1)
                chosen = choices[(chances[places, channel] * len(choices)).long()]
                stacked[places, channel] = images[chosen, 0]
        return stacked, numbers


class StackedMNIST(StackedDigits):
    """Three of the 60,000 digits of MNIST at a time, all 1,000 numbers equally probable, the same for every run.

    Args:
        root: Folder that holds ``MNIST/raw``; default: the cache folder. What is missing is downloaded.
        num_images: How many.
    """

    def __init__(self, root: str | None = None, num_images: PositiveInt = 128000) -> None:
        super().__init__(num_images)
        self._single = MNIST(root)
