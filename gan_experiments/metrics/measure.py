"""Base class of metrics that are computed from generated images themselves, without a feature extractor."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor
from torchmetrics import Metric

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.precision import full_float32
from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.collect import cpu_if_mps, rank_batches
from gan_experiments.metrics.extractors.base import ImageSource


class Measure(Metric):
    """A metric of generated images; torchmetrics combines its state over processes.

    Options are public attributes with the names of the constructor's arguments. Class attributes describe the metric;
    the config check reads them from the source, so they are literals.

    Attributes:
        values: Names of the values it computes.
        higher_is_better: Whether higher is better; a mapping if that differs among its ``values``; ``None``: unknown.
        selection: The value that the best checkpoint is chosen by; empty: none of them.
        needs_labels: Whether images must have labels.
        final_only: Whether it is computed in the final evaluation only, because it takes long.
        has_real_baseline: Whether its values for as many real images are those of a perfect generator.
        needs_known_distribution: Whether the distribution of the dataset must be known.
        margins: The margins of error at 95 % of the values last computed, of those for which it knows one.
    """

    values: ClassVar[tuple[str, ...]] = ()
    higher_is_better: Any = None
    selection: ClassVar[str] = ""
    needs_labels: ClassVar[bool] = False
    final_only: ClassVar[bool] = False
    has_real_baseline: ClassVar[bool] = False
    needs_known_distribution: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.margins: dict[str, float] = {}

    def prepare(self, data: ImageSource) -> None:
        """Take what it needs from the real images; a second call does nothing."""
        raise NotImplementedError

    def update(self, images: Tensor, labels: Tensor | None = None) -> None:
        """Add generated images ``(B, C, H, W)``, of the dataset's data type, with the labels they were drawn for."""
        raise NotImplementedError

    def compute(self) -> dict[str, float]:
        """Return its ``values`` by name, over the images of all processes, and set ``margins``."""
        raise NotImplementedError

    def provenance(self) -> dict[str, Any]:
        """Return what its values depend on besides the images: its options, as plain values."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a dataset whose distribution is not known, if it must be."""
        dataset = config.component("dataset")
        if cls.needs_known_distribution and dataset and not getattr(dataset, "has_known_distribution", False):
            text = f"the distribution of {dataset.__name__} is not known"
            yield Problem(key, f"{text}; take a synthetic dataset, such as dataset=ring or dataset=stacked_mnist")


def update_measures(measures: Iterable[Measure], images: Tensor, labels: Tensor | None) -> None:
    """Update measures on the device of the images, in full float32."""
    images, labels = cpu_if_mps(images, labels)
    with full_float32():
        for measure in measures:
            measure.to(images.device).update(images, labels)


def values_of_real_images(
    measure: Measure, data: ImageSource, count: int, batch_size: int, rank: int, world_size: int
) -> dict[str, float]:
    """Return the values of ``count`` random real images, or of all if there are fewer; resets the measure."""
    chosen = Stream("yardstick", "images").permutation(len(data.images))[:count]
    measure.reset()
    for start, stop in rank_batches(len(chosen), batch_size, rank, world_size):
        labels = None if data.labels is None else data.labels[chosen[start:stop]].to(measure.device)
        update_measures([measure], data.images[chosen[start:stop]].to(measure.device), labels)
    values = measure.compute()
    measure.reset()
    return values
