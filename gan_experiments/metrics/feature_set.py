"""Feature sets of images: what measures in feature space are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from gan_experiments.metrics.functional.expected_frechet import BASELINE_PARTS, RealParts, half_splits
from gan_experiments.metrics.functional.gaussian import Gaussian
from gan_experiments.metrics.moments import Moments

PER_IMAGE = ("features", "logits", "labels")  # what a measure can keep of every image


@dataclass
class FeatureSet:
    """The features of a set of images; what no measure keeps is ``None``.

    Attributes:
        moments: Moments of all features.
        features: float32, ``(N, F)``, in the order of the images.
        logits: float32, ``(N, K)``; ``None`` also if the extractor has no classes.
        labels: int64, ``(N,)``; ``None`` also if the images have no labels.
        num_classes: Number of classes of the labels.
        trained: Which real images the generator was trained on: bool, ``(N,)``; ``None`` unless a measure needs
            held-out images.
    """

    moments: Moments | None = None
    features: Tensor | None = None
    logits: Tensor | None = None
    labels: Tensor | None = None
    num_classes: int = 0
    trained: Tensor | None = None

    @property
    def rows(self) -> Tensor:
        """The features, of a measure that keeps them."""
        assert self.features is not None
        return self.features

    def gaussian(self) -> Gaussian:
        """Return mean and covariance of all features, of a measure that keeps moments."""
        assert self.moments is not None
        return self.moments.gaussian()

    def __len__(self) -> int:
        if self.moments is not None:
            return self.moments.count
        return next((len(values) for name in PER_IMAGE if (values := getattr(self, name)) is not None), 0)

    def take(self, chosen: Tensor, moments: Moments | None) -> FeatureSet:
        """Return the images that a mask ``(N,)`` chooses, given their ``moments``."""
        taken: dict[str, Any] = {"moments": moments}
        for name in (*PER_IMAGE, "trained"):
            values = getattr(self, name)
            taken[name] = None if values is None else values[chosen.to(values.device)]
        return replace(self, **taken)


@dataclass
class PartitionedFeatures:
    """The features of a set of images, which is divided into parts.

    Attributes:
        whole: All images.
        membership: The part that each image belongs to: int64, ``(N,)``.
        moments: The moments of every part; empty if no measure keeps moments.
        source: What the features are a function of (data and extractor), as a text to cache by; empty if not known.
    """

    whole: FeatureSet
    membership: Tensor
    moments: list[Moments]
    source: str = ""

    def without_part(self, index: int) -> FeatureSet:
        """Return all images but those of one part."""
        others = [moments for part, moments in enumerate(self.moments) if part != index]
        return self.whole.take(self.membership != index, merge_moments(others) if others else None)


def merge_moments(parts: Sequence[Moments]) -> Moments:
    """Return the moments of the union of several sets."""
    whole = Moments(parts[0].num_features)
    for part in parts:
        whole.merge(part)
    return whole


def real_parts(real: PartitionedFeatures) -> RealParts | None:
    """Return the Gaussians of real images and of their parts; ``None`` if there are too few images."""
    if len(real.whole) < 2 * BASELINE_PARTS:
        return None

    def union(parts: Sequence[int]) -> Gaussian:
        return merge_moments([real.moments[part] for part in parts]).gaussian()

    halves = [(union(first), union(second)) for first, second in half_splits()]
    return RealParts(union(range(len(real.moments))), [part.gaussian() for part in real.moments], halves)
