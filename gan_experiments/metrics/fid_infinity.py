"""FID of infinitely many generated images."""

from __future__ import annotations

from typing import ClassVar

from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.features import FeatureMeasure, FeatureSet
from gan_experiments.metrics.functional.extrapolation import POINTS, infinite_frechet_distance


class FIDInfinity(FeatureMeasure):
    """FID extrapolated to infinitely many generated images, free of the bias of their number (Chong & Forsyth 2020).

    It keeps the features of all images.

    Values:
        ``fid_infinity``: may lie a little below 0.

    Args:
        points: Numbers of images that the line is drawn through, a distance each.
    """

    values: ClassVar[tuple[str, ...]] = ("fid_infinity",)
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    final_only: ClassVar[bool] = True

    def __init__(self, points: PositiveInt = POINTS) -> None:
        self.points = points

    def min_generated(self, num_features: int, num_classes: int) -> int:
        """Four times the features."""
        return max(self.min_images, 4 * num_features)

    def compute(self, real: FeatureSet, fake: FeatureSet, seed: int) -> dict[str, float]:
        """Return the intercept."""
        assert fake.features is not None
        if len(fake) < 4 * fake.features.shape[1]:  # a real_baseline's
            return {}
        gaussian = real.moments.gaussian()
        return {"fid_infinity": infinite_frechet_distance(gaussian, fake.features, seed, self.points)}
