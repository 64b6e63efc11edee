"""What is computed from generated images themselves, without an extractor."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torchmetrics import Metric

from gan_experiments.metrics.extractor import ImageSource


class Measure(Metric):
    """A measure of generated images; as a metric of torchmetrics it adds up over processes by itself.

    Attributes:
        selection: The value that tells the best of several generators: the smallest.
        needs_truth: Whether the dataset's distribution must be known; read from the source, so it is a literal.
    """

    selection: ClassVar[str]
    needs_truth: ClassVar[bool] = False

    def prepare(self, data: ImageSource) -> None:
        """Learn what it needs of the real images; a second call does nothing."""
        raise NotImplementedError

    def update(self, images: Tensor) -> None:
        """Take in generated images ``(B, C, H, W)``, of the data type that the dataset's have."""
        raise NotImplementedError

    def compute(self) -> dict[str, float]:
        """Return values by name, over the images of all processes."""
        raise NotImplementedError
