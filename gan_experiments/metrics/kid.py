"""Kernel inception distance."""

from __future__ import annotations

from typing import ClassVar

from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.features import FeatureMeasure, FeatureSet
from gan_experiments.metrics.functional.kernel_distance import kernel_distance


class KID(FeatureMeasure):
    """Kernel inception distance: unbiased squared MMD with a cubic kernel (Bińkowski et al. 2018, section 4).

    Keeps the features of all images.

    Values:
        ``kid``: the mean over random subsets; around 0, above and below, for sets of one distribution.
        ``kid_spread``: the standard deviation over the subsets, which most papers give after the plus-minus sign.

    Args:
        subsets: Number of random subsets.
        subset_size: Images in each subset.
    """

    values: ClassVar[tuple[str, ...]] = ("kid", "kid_spread")
    higher_is_better = False
    selection: ClassVar[str] = "kid"
    keeps: ClassVar[tuple[str, ...]] = ("features",)

    def __init__(self, subsets: PositiveInt = 100, subset_size: PositiveInt = 1000) -> None:
        self.subsets = subsets
        self.subset_size = subset_size

    @property
    def min_images(self) -> int:
        """The size of a subset."""
        return max(2, self.subset_size)

    def compute(self, real: FeatureSet, fake: FeatureSet, seed: int) -> dict[str, float]:
        """Return mean and standard deviation over the subsets."""
        assert real.features is not None
        assert fake.features is not None
        distance, spread = kernel_distance(real.features, fake.features, seed, self.subsets, self.subset_size)
        return {"kid": distance, "kid_spread": spread}
