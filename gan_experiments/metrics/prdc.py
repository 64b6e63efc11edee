"""Precision, recall, density and coverage (PRDC)."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.margins import margin_of_mean
from gan_experiments.metrics.functional.precision_recall import precision_recall_density_coverage
from gan_experiments.metrics.functional.real_baseline import expected_precision_recall_density_coverage
from gan_experiments.metrics.measure import Baseline, Values


class PRDC(FeatureMeasure):
    """Improved precision and recall, density and coverage, from nearest neighbours in feature space.

    Kynkäänniemi et al. 2019, equation 2; Naeem et al. 2020, equations 2 and 3. Keeps the features of all images.

    Values:
        ``precision``: share of generated images near a real one; ``recall``: share of real images near a generated one.
        ``density``: like precision, counting how many real images are near; 1 for real images, and may be more.
        ``coverage``: share of real images with a generated one nearer than their own neighbours.

    Args:
        feature: As for ``FeatureMeasure``.
        neighbours: ``k`` of the ``k``-th nearest neighbour that sets the radius of the balls of precision and recall.
        density_neighbours: The same for density and coverage.
        reset_real_features: As for ``FeatureMeasure``.
    """

    values: ClassVar[tuple[str, ...]] = ("precision", "recall", "density", "coverage")
    higher_is_better = True
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    baseline_version: ClassVar[int] = 1

    def __init__(
        self,
        feature: nn.Module | None = None,
        neighbours: PositiveInt = 3,
        density_neighbours: PositiveInt = 5,
        reset_real_features: bool = True,
    ) -> None:
        super().__init__(feature, reset_real_features)
        self.neighbours = neighbours
        self.density_neighbours = density_neighbours

    @property
    def min_images(self) -> int:
        """An image and its nearest neighbours."""
        return 1 + max(self.neighbours, self.density_neighbours)

    def compare_with_margins(self, real: FeatureSet, fake: FeatureSet, seed: int) -> tuple[Values, Values]:
        """Return the four means, and the margins of precision and density, which are means over generated images."""
        scores = precision_recall_density_coverage(real.rows, fake.rows, self.neighbours, self.density_neighbours)
        return scores.means(), {name: margin_of_mean(getattr(scores, name)) for name in ("precision", "density")}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return the four expected scores."""
        options = self.neighbours, self.density_neighbours
        expected = expected_precision_recall_density_coverage(real.whole.rows, samples, *options)
        return {name: Baseline(*each) for name, each in expected.items()}
