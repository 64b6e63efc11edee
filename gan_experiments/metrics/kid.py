"""Kernel inception distance."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Interval
from torch import Tensor, nn
from torchmetrics.image.kid import KernelInceptionDistance

from gan_experiments.core.types import Repeats
from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.kernel_distance import kernel_distance
from gan_experiments.metrics.functional.real_baseline import expected_kernel_distance
from gan_experiments.metrics.measure import Baseline, Values


class KID(FeatureMeasure, KernelInceptionDistance):
    """Kernel inception distance: unbiased squared MMD with a cubic kernel (Bińkowski et al. 2018, section 4).

    The ``KernelInceptionDistance`` of torchmetrics with its default kernel, in float64. Keeps the features of all
    images.

    Values:
        ``kid``: the mean over random subsets; around 0, above and below, for sets of one distribution.
        ``kid_spread``: the standard deviation over the subsets, which most papers give after the plus-minus sign.

    Args:
        feature: As for ``FeatureMeasure``.
        subsets: Number of random subsets.
        subset_size: Images in each subset.
        reset_real_features: As for ``FeatureMeasure``.
    """

    values: ClassVar[tuple[str, ...]] = ("kid", "kid_spread")
    higher_is_better = False
    selection: ClassVar[str] = "kid"
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    baseline_version: ClassVar[int] = 1
    fewest_option: ClassVar[str] = "subset_size"

    def __init__(
        self,
        feature: nn.Module | None = None,
        subsets: Repeats = 100,
        subset_size: Annotated[int, Interval(ge=2)] = 1000,
        reset_real_features: bool = True,
    ) -> None:
        super().__init__(feature, reset_real_features)
        self.subsets = subsets
        self.subset_size = subset_size

    @property
    def min_images(self) -> int:
        """The size of a subset."""
        return self.subset_size

    def compare(self, real: FeatureSet, fake: FeatureSet, seed: int) -> Values:
        """Return mean and standard deviation over the subsets."""
        distance, spread = kernel_distance(real.rows, fake.rows, seed, self.subsets, self.subset_size)
        return {"kid": distance, "kid_spread": spread}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return 0 and its standard deviation, and the expected standard deviation over the subsets."""
        expected = expected_kernel_distance(real.whole.rows, samples, self.subsets, self.subset_size)
        return {name: Baseline(*each) for name, each in expected.items()}

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation, float64 scalars, over the images of all processes."""
        distance, spread = super().compute().values()
        return distance, spread
