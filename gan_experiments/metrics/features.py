"""Feature sets of images, and the base class of metrics that compare two of them (FID, KID, precision ...)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.metrics.moments import Moments


@dataclass
class FeatureSet:
    """The features of a set of images.

    Attributes:
        moments: Moments of all features; always present.
        features: float32, ``(N, F)``, in the order of the images; ``None`` unless a measure ``keeps`` them.
        logits: float32, ``(N, K)``; ``None`` unless a measure ``keeps`` them and the extractor has classes.
        labels: int64, ``(N,)``; ``None`` unless a measure ``keeps`` them and the images have labels.
        num_classes: Number of classes of the labels.
        trained: Which real images the generator was trained on: bool, ``(N,)``; ``None`` unless a measure needs
            held-out images.
    """

    moments: Moments
    features: Tensor | None = None
    logits: Tensor | None = None
    labels: Tensor | None = None
    num_classes: int = 0
    trained: Tensor | None = None

    def __len__(self) -> int:
        return self.moments.count

    def take(self, chosen: Tensor, moments: Moments) -> FeatureSet:
        """Return the images that a mask ``(N,)`` chooses, given their ``moments``."""
        taken: dict[str, Any] = {"moments": moments}
        for name in ("features", "logits", "labels", "trained"):
            values = getattr(self, name)
            taken[name] = None if values is None else values[chosen.to(values.device)]
        return replace(self, **taken)


class FeatureMeasure:
    """A metric of generated images in the features of an extractor: a function of two feature sets.

    An instance holds its options only, as public attributes. Class attributes describe the metric; the config check
    reads them from the source, so they are literals.

    Attributes:
        values: Names of the values it computes.
        higher_is_better: Whether higher is better; a mapping if that differs among its ``values``; ``None``: unknown.
        selection: The value that the best checkpoint is chosen by; empty: none of them.
        keeps: What it needs of every image besides the moments: ``"features"``, ``"logits"``, ``"labels"``.
        needs_held_out: Whether it needs real images that the generator was not trained on; such a metric has no real
            baseline.
        final_only: Whether it is computed in the final evaluation only, because it takes long.
        supports_jackknife: Whether it is fast enough to be computed a dozen times more: its margin of error then comes
            from the jackknife, and its real baseline is averaged over several splits.
    """

    values: ClassVar[tuple[str, ...]] = ()
    higher_is_better: ClassVar[bool | Mapping[str, bool] | None] = None
    selection: ClassVar[str] = ""
    keeps: ClassVar[tuple[str, ...]] = ()
    needs_held_out: ClassVar[bool] = False
    final_only: ClassVar[bool] = False
    supports_jackknife: ClassVar[bool] = False

    @property
    def min_images(self) -> int:
        """The smallest number of images, real and generated, that it is defined for."""
        return 2

    def min_generated(self, num_features: int, num_classes: int) -> int:
        """Return the smallest number of generated images; ``num_features`` is 0 while it is unknown."""
        return self.min_images

    def compute(self, real: FeatureSet, fake: FeatureSet, seed: int) -> dict[str, float]:
        """Return its ``values`` by name; everything random is a function of ``seed``."""
        raise NotImplementedError

    def with_margins(self, real: FeatureSet, fake: FeatureSet, seed: int) -> tuple[dict[str, float], dict[str, float]]:
        """Return its values, and the margins of error at 95 % of those for which it knows one itself."""
        return self.compute(real, fake, seed), {}

    def provenance(self) -> dict[str, Any]:
        """Return what its values depend on besides the features: its options, as plain values."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Yield nothing: the rules are those of subclasses."""
        yield from ()
