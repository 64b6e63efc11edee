"""Memorization: do generated images copy training images?"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import ClassVar

from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.data_copying import data_copying
from gan_experiments.metrics.functional.margins import margin_of_mean
from gan_experiments.metrics.measure import Baseline, Values


class Memorization(FeatureMeasure):
    """Data-copying test: distances to the nearest training image, generated against held-out (Meehan et al. 2020).

    Keeps the features of all images, and needs real images that the generator was not trained on: ``dataset.limit`` or
    ``dataset.per_class`` holds some out.

    Values:
        ``memorization``: the probability that a generated image is nearer to the training set than a held-out one; 0.5
        for images as novel as held-out ones, 1 for copies.
        ``memorization_z``: the Z statistic of the test: standard normal if nothing is copied, below -3 for evidence of
        copying.
    """

    values: ClassVar[tuple[str, ...]] = ("memorization", "memorization_z")
    higher_is_better = MappingProxyType({"memorization": False, "memorization_z": True})
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    min_held_out: ClassVar[int] = 1

    def compare_with_margins(self, real: FeatureSet, fake: FeatureSet, seed: int) -> tuple[Values, Values]:
        """Return both values and the margin of the probability; the Z statistic is itself a measure of significance."""
        assert real.trained is not None
        test = data_copying(real.rows[real.trained], real.rows[~real.trained], fake.rows)
        values = {"memorization": test.probability, "memorization_z": test.statistic}
        return values, {"memorization": margin_of_mean(test.closer)}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return those of images as novel as held-out ones, with the deviation of a Mann-Whitney test without ties."""
        assert real.whole.trained is not None
        held_out = int((~real.whole.trained).sum())
        deviation = math.sqrt((samples + held_out + 1) / (12 * samples * held_out))
        return {"memorization": Baseline(0.5, deviation), "memorization_z": Baseline(0.0, 1.0)}
