"""PRD: precision and recall of distributions, from the clusters of generated and real images."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Interval
from torch import nn

from gan_experiments.core.types import Repeats
from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.precision_recall_curve import (
    expected_precision_recall_curve,
    precision_recall_curve,
)
from gan_experiments.metrics.measure import Baseline, Values

Clusters = Annotated[int, Interval(ge=2, le=10_000)]
_NAMES = {"f_precision": "prd_precision", "f_recall": "prd_recall"}


class PRD(FeatureMeasure):
    """The two numbers that sum up a precision-recall curve of distributions (Sajjadi et al. 2018).

    Keeps the features of all images.

    Values:
        ``prd_precision``: F_1/8, the largest F score that weights precision 8 times as much.
        ``prd_recall``: F_8, the same for recall.

    Args:
        feature: As for ``FeatureMeasure``.
        clusters: Clusters of both sets together.
        runs: Clusterings that the curve is averaged over.
        reset_real_features: As for ``FeatureMeasure``.
    """

    values: ClassVar[tuple[str, ...]] = ("prd_precision", "prd_recall")
    higher_is_better = True
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    baseline_version: ClassVar[int] = 1
    fewest_option: ClassVar[str] = "clusters"

    def __init__(
        self,
        feature: nn.Module | None = None,
        clusters: Clusters = 20,
        runs: Repeats = 10,
        reset_real_features: bool = True,
    ) -> None:
        super().__init__(feature, reset_real_features)
        self.clusters = clusters
        self.runs = runs

    @property
    def min_images(self) -> int:
        """One image for each cluster."""
        return self.clusters

    def compare(self, real: FeatureSet, fake: FeatureSet, seed: int) -> Values:
        """Return both scores."""
        curve = precision_recall_curve(real.rows, fake.rows, seed, self.clusters, self.runs)
        return {value: getattr(curve, name) for name, value in _NAMES.items()}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return the scores of as many new draws, from the clusters of the real images."""
        expected = expected_precision_recall_curve(real.whole.rows, samples, self.clusters)
        return {value: Baseline(*expected[name]) for name, value in _NAMES.items()}
