"""FID extrapolated to infinitely many generated images."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from annotated_types import Interval
from torch import nn

from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures, real_parts
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.expected_frechet import expected_frechet_distance
from gan_experiments.metrics.functional.extrapolated_frechet import POINTS, extrapolated_frechet_distance
from gan_experiments.metrics.measure import Baseline, Values

Points = Annotated[int, Interval(ge=2, le=1000)]


class FIDInfinity(FeatureMeasure):
    """FID at infinitely many generated images, without the bias in their number (Chong & Forsyth 2020, section 4).

    Keeps the features of all images.

    Values:
        ``fid_infinity``: noise can bring it below 0.

    Args:
        feature: As for ``FeatureMeasure``.
        points: Numbers of images at which the FID is computed to fit the line.
        reset_real_features: As for ``FeatureMeasure``.
    """

    values: ClassVar[tuple[str, ...]] = ("fid_infinity",)
    higher_is_better = False
    keeps: ClassVar[tuple[str, ...]] = ("moments", "features")
    baseline_version: ClassVar[int] = 1
    final_only: ClassVar[bool] = True

    def __init__(
        self, feature: nn.Module | None = None, points: Points = POINTS, reset_real_features: bool = True
    ) -> None:
        super().__init__(feature, reset_real_features)
        self.points = points

    def min_generated(self, num_features: int, num_classes: int) -> int:
        """Return four times the number of features."""
        return max(self.min_images, 4 * num_features)

    def compare(self, real: FeatureSet, fake: FeatureSet, seed: int) -> Values:
        """Return the extrapolated distance."""
        return {"fid_infinity": extrapolated_frechet_distance(real.gaussian(), fake.rows, seed, self.points)}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return the expected distance of infinitely many new draws; nothing for fewer than 16 real images."""
        parts = real_parts(real)
        return {} if parts is None else {"fid_infinity": Baseline(expected_frechet_distance(parts, math.inf)[0])}
