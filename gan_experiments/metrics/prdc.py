"""Precision, recall, density and coverage."""

from __future__ import annotations

from typing import ClassVar

from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.features import FeatureMeasure, FeatureSet
from gan_experiments.metrics.functional.precision_recall import manifold
from gan_experiments.metrics.uncertainty import margin_of_mean


class PRDC(FeatureMeasure):
    """How many generated images lie among real ones, and how many of those they reach.

    Kynkäänniemi et al. 2019, equation 2; Naeem et al. 2020, equations 2 and 3. It keeps the features of all images.

    Values:
        ``precision``, ``recall``: between 0 and 1.
        ``density``: 1 for real images; may be more.
        ``coverage``: between 0 and 1.

    Args:
        neighbours: Whose distance makes the balls of precision and recall.
        density_neighbours: The same of density and coverage.
    """

    values: ClassVar[tuple[str, ...]] = ("precision", "recall", "density", "coverage")
    keeps: ClassVar[tuple[str, ...]] = ("features",)

    def __init__(self, neighbours: PositiveInt = 3, density_neighbours: PositiveInt = 5) -> None:
        self.neighbours = neighbours
        self.density_neighbours = density_neighbours

    @property
    def min_images(self) -> int:
        """An image and its neighbours."""
        return 1 + max(self.neighbours, self.density_neighbours)

    def compute(self, real: FeatureSet, fake: FeatureSet, seed: int) -> dict[str, float]:
        """Return the four means."""
        return self.with_margins(real, fake, seed)[0]

    def with_margins(self, real: FeatureSet, fake: FeatureSet, seed: int) -> tuple[dict[str, float], dict[str, float]]:
        """Return the means, and margins of those over generated images; the others depend on all of these at once."""
        assert real.features is not None
        assert fake.features is not None
        found = manifold(real.features, fake.features, self.neighbours, self.density_neighbours)
        return found.values(), {name: margin_of_mean(getattr(found, name)) for name in ("precision", "density")}
