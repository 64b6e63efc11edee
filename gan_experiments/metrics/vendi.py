"""Vendi score: the effective number of different images among the generated ones."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gan_experiments.metrics.extractors.base import Extracted
from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.vendi import expected_vendi_score, vendi_score
from gan_experiments.metrics.measure import Baseline, Values


class Vendi(FeatureMeasure):
    """Vendi score of the generated images with the cosine similarity of features (Friedman & Dieng 2023).

    It knows no real images: noise is diverse too. Compare it with its real baseline. Keeps the features of all images.

    Values:
        ``vendi``: between 1, all the same, and the number of images, or of features if that is smaller.
    """

    values: ClassVar[tuple[str, ...]] = ("vendi",)
    higher_is_better = True
    compares_with_real: ClassVar[bool] = False
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    baseline_version: ClassVar[int] = 1
    supports_jackknife: ClassVar[bool] = True

    def compare(self, real: FeatureSet, fake: FeatureSet, seed: int) -> Values:
        """Return the score, which does not depend on the real images."""
        return {"vendi": vendi_score(fake.rows)}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return the expected score of as many new draws."""
        return {"vendi": Baseline(*expected_vendi_score(real.whole.rows, samples))}

    def update(self, images: Tensor | Extracted, real: bool = False, labels: Tensor | None = None) -> None:
        """Add images; real ones are ignored."""
        super().update(images, real, labels)
