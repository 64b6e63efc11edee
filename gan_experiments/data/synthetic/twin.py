"""Unpaired domains whose right translation is known: digits and their rotated, tinted, inverted twins."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts, Fraction
from gan_experiments.data.base import ImageData
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.datasets.mnist import MNIST
from gan_experiments.data.inputs import Inputs, StoredInputs

_CHUNK = 500  # images whose twins are made at a time, which takes many times the memory of the images
_HELD_OUT = 10  # every tenth input is translated in evaluations and not trained on


class Twins(ImageData):
    """Images of a dataset as domain A, the twins of its other images as domain B; both have three channels.

    Half of the images are in each domain, so no twin of an input is trained on; a tenth of domain A is kept for
    evaluations. The division is the same for every run. A subclass says which grey images, and what a twin is; options
    of every dataset are about domain B.
    """

    domains: ClassVar[str] = "unpaired"
    has_answers: ClassVar[bool] = True
    _single: ImageData

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inputs = Inputs(self, 3, paired=False, load=self._domain_a)

    def twin(self, images: Tensor) -> Tensor:
        """Return the right translation of images of domain A: uint8, ``(B, 3, H, W)``."""
        raise NotImplementedError

    @property
    def facts(self) -> DataFacts:
        """The facts of the images, with three channels."""
        single = self._single.facts
        count = None if single.num_images is None else single.num_images // 2
        return DataFacts(f"{single.name}_twin", single.image_size, 3, single.num_classes, count)

    def prepare_data(self) -> None:
        """Download the images if they are missing."""
        self._single.prepare_data()

    def load(self) -> tuple[Tensor, Tensor | None]:
        """Return domain B: uint8 ``(N, 3, H, W)``, and labels ``(N,)`` if there are any."""
        images, labels = self._half(second=True)
        return self._twins(images), labels

    def _domain_a(self) -> StoredInputs:
        images, labels = self._half(second=False)
        training = torch.arange(len(images))
        return StoredInputs(images, labels, self._twins(images), training[training % _HELD_OUT > 0])

    def _twins(self, images: Tensor) -> Tensor:
        return torch.cat([self.twin(part) for part in torch.split(images, _CHUNK)])

    def _half(self, second: bool) -> tuple[Tensor, Tensor | None]:
        images, labels = self._single.images, self._single.labels
        order = Stream("twin", self._single.facts.name).permutation(len(images))
        half = len(order) // 2
        chosen = order[half : 2 * half] if second else order[:half]
        return images[chosen].expand(-1, 3, -1, -1).contiguous(), None if labels is None else labels[chosen]


class DigitsTwin(Twins):
    """Digits of scikit-learn as domain A, the twins of other digits as domain B.

    Args:
        rotation: Degrees that the twin is turned by, counterclockwise.
        invert: Whether dark and light are exchanged.
        tint: Factors of red, green and blue, after that.
        **options: Options of every dataset, about domain B.
    """

    def __init__(
        self,
        rotation: Literal[0, 90, 180, 270] = 90,
        invert: bool = True,
        tint: tuple[Fraction, Fraction, Fraction] = (1.0, 0.8, 0.5),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._single = Digits()
        self.rotation = rotation
        self.invert = invert
        self.tint = tint

    def twin(self, images: Tensor) -> Tensor:
        """Return the right translation of images of domain A: uint8, ``(B, 3, H, W)``."""
        turned = torch.rot90(images, self.rotation // 90, (-2, -1))
        turned = 255 - turned if self.invert else turned
        return (turned * torch.tensor(self.tint)[:, None, None]).round().to(torch.uint8)


class MNISTTwin(DigitsTwin):
    """Digits of MNIST as domain A, the twins of other digits as domain B.

    Args:
        root: Folder that contains ``MNIST/raw``; default: the cache folder. Missing files are downloaded.
        **options: As for ``DigitsTwin``.
    """

    def __init__(self, root: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._single = MNIST(root)
