"""MIND: Monge Inception Distance, the sliced Wasserstein distance of features."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from gan_experiments.core.types import Repeats
from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.sliced_wasserstein import (
    expected_monge_inception_distance,
    monge_inception_distance,
)
from gan_experiments.metrics.measure import Baseline, Values


class MIND(FeatureMeasure):
    """Monge Inception Distance: squared sliced 2-Wasserstein distance times three times the features (Berthet 2026).

    Unlike the FID it compares distributions beyond their means and covariances. Of the larger set as many random images
    count as the smaller one has. Keeps the features of all images.

    Values:
        ``mind``: 0 for equal sets; biased by about 1 / samples.

    Args:
        feature: As for ``FeatureMeasure``.
        directions: Random directions that features are projected onto.
        reset_real_features: As for ``FeatureMeasure``.
    """

    values: ClassVar[tuple[str, ...]] = ("mind",)
    higher_is_better = False
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    baseline_version: ClassVar[int] = 1

    def __init__(
        self, feature: nn.Module | None = None, directions: Repeats = 1000, reset_real_features: bool = True
    ) -> None:
        super().__init__(feature, reset_real_features)
        self.directions = directions

    def compare(self, real: FeatureSet, fake: FeatureSet, seed: int) -> Values:
        """Return the distance."""
        return {"mind": monge_inception_distance(real.rows, fake.rows, seed, self.directions)}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return the distance of as many new draws."""
        return {"mind": Baseline(*expected_monge_inception_distance(real.whole.rows, samples, self.directions))}
