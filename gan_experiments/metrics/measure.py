"""What is computed from generated images themselves, without an extractor."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor
from torchmetrics import Metric

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.precision import full_float32
from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.collect import off_mps, share
from gan_experiments.metrics.extractors.base import ImageSource


class Measure(Metric):
    """A measure of generated images; as a metric of torchmetrics it adds up over processes by itself.

    Options are public attributes by the names of the constructor's arguments.

    Attributes:
        values: The names of what it computes.
        selection: The one of them that tells the best of several generators, the smallest; empty: none does.
        needs_labels: Whether images must have labels.
        final_only: Whether it is left out of the rows along a run, because it takes long.
        has_real_baseline: Whether its values of as many real images say what a perfect generator would get.
        margins: The margins of error at 95 % of those of the values last computed for which it knows one.
        needs_known_distribution: Whether the dataset's distribution must be known.
    """

    values: ClassVar[tuple[str, ...]] = ()
    selection: ClassVar[str] = ""
    needs_labels: ClassVar[bool] = False
    final_only: ClassVar[bool] = False
    has_real_baseline: ClassVar[bool] = False
    needs_known_distribution: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.margins: dict[str, float] = {}

    def prepare(self, data: ImageSource) -> None:
        """Learn what it needs of the real images; a second call does nothing."""
        raise NotImplementedError

    def update(self, images: Tensor, labels: Tensor | None = None) -> None:
        """Take in generated images ``(B, C, H, W)``, of the dataset's data type, with the labels asked for ``(B,)``."""
        raise NotImplementedError

    def compute(self) -> dict[str, float]:
        """Return values by name, over the images of all processes, and set ``margins``."""
        raise NotImplementedError

    def provenance(self) -> dict[str, Any]:
        """Say what its values depend on beside the images: its options, plain values."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a dataset whose distribution is not known, if it must be."""
        dataset = config.component("dataset")
        if cls.needs_known_distribution and dataset and not getattr(dataset, "has_known_distribution", False):
            text = f"the distribution of {dataset.__name__} is not known"
            yield Problem(key, f"{text}; take a synthetic dataset, such as dataset=ring or dataset=stacked_mnist")


def take_in(measures: Iterable[Measure], images: Tensor, labels: Tensor | None) -> None:
    """Update measures with images where they are, in full precision."""
    images, labels = off_mps(images, labels)
    with full_float32():
        for measure in measures:
            measure.to(images.device).update(images, labels)


def of_real_images(
    measure: Measure, data: ImageSource, count: int, batch_size: int, rank: int, world_size: int
) -> dict[str, float]:
    """Return the values of ``count`` real images, or of all there are; the measure is reset before and after."""
    chosen = Stream("yardstick", "images").permutation(len(data.images))[:count]
    measure.reset()
    for start, stop in share(len(chosen), batch_size, rank, world_size):
        labels = None if data.labels is None else data.labels[chosen[start:stop]].to(measure.device)
        take_in([measure], data.images[chosen[start:stop]].to(measure.device), labels)
    values = measure.compute()
    measure.reset()
    return values
