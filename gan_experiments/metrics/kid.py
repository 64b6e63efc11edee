"""Kernel inception distance."""

from __future__ import annotations

from typing import ClassVar

from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.features import FeatureMeasure, FeatureSet
from gan_experiments.metrics.functional.kernel_distance import kernel_distance


class KID(FeatureMeasure):
    """Squared maximum mean discrepancy with a cubic kernel, without bias in the sample count (Bińkowski et al. 2018).

    It keeps the features of all images.

    Values:
        ``kid``: the mean over subsets; 0 for sets of one distribution, and as often a little below.
        ``kid_spread``: the standard deviation over them, which is what most papers put behind a plus-minus sign.

    Args:
        subsets: Random subsets that it is the mean of.
        subset_size: Images in each.
    """

    values: ClassVar[tuple[str, ...]] = ("kid", "kid_spread")
    selection: ClassVar[str] = "kid"
    keeps: ClassVar[tuple[str, ...]] = ("features",)

    def __init__(self, subsets: PositiveInt = 100, subset_size: PositiveInt = 1000) -> None:
        self.subsets = subsets
        self.subset_size = subset_size

    @property
    def min_images(self) -> int:
        """One subset."""
        return max(2, self.subset_size)

    def compute(self, real: FeatureSet, fake: FeatureSet, seed: int) -> dict[str, float]:
        """Return both."""
        assert real.features is not None
        assert fake.features is not None
        distance, spread = kernel_distance(real.features, fake.features, seed, self.subsets, self.subset_size)
        return {"kid": distance, "kid_spread": spread}
