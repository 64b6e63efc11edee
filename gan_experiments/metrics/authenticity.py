"""AuthPct: the share of generated images that are not nearly copies of training images."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.authenticity import authenticity, expected_authenticity
from gan_experiments.metrics.functional.margins import margin_of_mean
from gan_experiments.metrics.measure import Baseline, Values


class AuthPct(FeatureMeasure):
    """Percentage of authentic images: not nearer to a training image than its neighbour is (Alaa et al. 2022).

    Training images are all real ones, unless it is known that some were held out. Keeps the features of all images.

    Values:
        ``authpct``: 0 for copies; for bad images it is high, so compare it with its real baseline.
    """

    values: ClassVar[tuple[str, ...]] = ("authpct",)
    higher_is_better = True
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    min_trained: ClassVar[int] = 3  # a neighbour's neighbour that is another

    def compare_with_margins(self, real: FeatureSet, fake: FeatureSet, seed: int) -> tuple[Values, Values]:
        """Return the percentage and its margin, that of a mean."""
        percent = 100 * authenticity(_trained(real), fake.rows).double()
        return {"authpct": percent.mean().item()}, {"authpct": margin_of_mean(percent)}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return the percentage of training images, each among the others."""
        mean, spread = expected_authenticity(_trained(real.whole), samples)
        return {"authpct": Baseline(100 * mean, 100 * spread)}


def _trained(real: FeatureSet) -> Tensor:
    return real.rows if real.trained is None else real.rows[real.trained.to(real.rows.device)]
