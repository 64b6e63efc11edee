"""What is kept of the features of a set of images, and the contract of what is computed from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.metrics.moments import Moments


@dataclass
class FeatureSet:
    """A set of images as the measures see it.

    Attributes:
        moments: Of all features; always there.
        features: float32, ``(N, F)``, in the order of the images; ``None`` unless a measure ``keeps`` them.
        logits: float32, ``(N, K)``, likewise; ``None`` too if the extractor has no classes.
        labels: int64, ``(N,)``, likewise; ``None`` too if the images have none.
        num_classes: Of the labels.
        trained: Which real images the generator was trained on: bool, ``(N,)``; ``None`` unless a measure asks.
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
        """Return the images that a mask ``(N,)`` chooses, whose ``moments`` are known."""
        taken: dict[str, Any] = {"moments": moments}
        for name in ("features", "logits", "labels", "trained"):
            values = getattr(self, name)
            taken[name] = None if values is None else values[chosen.to(values.device)]
        return replace(self, **taken)


class FeatureMeasure:
    """A measure of generated images in the features of an extractor: a function of two sets.

    It holds nothing but its options, which are its public attributes. Class attributes are read from the source by
    ``check()``, so they are literals:

    Attributes:
        values: The names of what it computes.
        selection: The one of them that tells the best of several generators, the smallest; empty: none does.
        keeps: What it needs of every image beside the moments: ``"features"``, ``"logits"``, ``"labels"``.
        needs_held_out: Whether it asks for real images that the generator was not trained on; it has no real baseline.
        final_only: Whether it is left out of the rows along a run, because it takes long.
        supports_jackknife: Whether it is cheap enough for a dozen more computations: its margin then comes from
            leaving out tenths of the images, and its real baseline is averaged over several splits.
    """

    values: ClassVar[tuple[str, ...]] = ()
    selection: ClassVar[str] = ""
    keeps: ClassVar[tuple[str, ...]] = ()
    needs_held_out: ClassVar[bool] = False
    final_only: ClassVar[bool] = False
    supports_jackknife: ClassVar[bool] = False

    @property
    def min_images(self) -> int:
        """The fewest images, real and generated, that it is defined for."""
        return 2

    def min_generated(self, num_features: int, num_classes: int) -> int:
        """Return the fewest generated images; features are 0 as long as nobody knows how many there are."""
        return self.min_images

    def compute(self, real: FeatureSet, fake: FeatureSet, seed: int) -> dict[str, float]:
        """Return its ``values``; what is drawn at random is a function of ``seed``."""
        raise NotImplementedError

    def with_margins(self, real: FeatureSet, fake: FeatureSet, seed: int) -> tuple[dict[str, float], dict[str, float]]:
        """Return its values, and the margins of error at 95 % of those for which it knows one by itself."""
        return self.compute(real, fake, seed), {}

    def provenance(self) -> dict[str, Any]:
        """Say what its values depend on beside the features: its options, plain values."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Yield nothing: the rules are those of subclasses."""
        yield from ()
