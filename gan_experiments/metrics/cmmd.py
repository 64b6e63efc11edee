"""CMMD: maximum mean discrepancy with a Gaussian kernel, in CLIP features."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Interval
from torch import nn

from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.gaussian_kernel import expected_gaussian_mmd, gaussian_mmd
from gan_experiments.metrics.functional.margins import margin_of_mean
from gan_experiments.metrics.measure import Baseline, Values

Bandwidth = Annotated[float, Interval(ge=1e-3, le=1e6)]  # beyond, all kernels are 0 or 1 to rounding


class CMMD(FeatureMeasure):
    """CMMD: 1,000 times the squared MMD of unit-length features, with a Gaussian kernel (Jayasumana et al. 2024).

    Theirs are the features of ``metrics=clip``. Keeps the features of all images.

    Values:
        ``cmmd``: 0 for equal sets. The estimator is biased by about 1 / samples + 1 / real images, as in the paper.

    Args:
        feature: As for ``FeatureMeasure``.
        bandwidth: Standard deviation of the kernel.
        reset_real_features: As for ``FeatureMeasure``.
    """

    values: ClassVar[tuple[str, ...]] = ("cmmd",)
    higher_is_better = False
    selection: ClassVar[str] = "cmmd"
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    baseline_version: ClassVar[int] = 1

    def __init__(
        self, feature: nn.Module | None = None, bandwidth: Bandwidth = 10.0, reset_real_features: bool = True
    ) -> None:
        super().__init__(feature, reset_real_features)
        self.bandwidth = bandwidth

    def compare_with_margins(self, real: FeatureSet, fake: FeatureSet, seed: int) -> tuple[Values, Values]:
        """Return the discrepancy and its margin, that of the mean of what each generated image contributes."""
        mmd = gaussian_mmd(real.rows, fake.rows, self.bandwidth)
        return {"cmmd": mmd.distance}, {"cmmd": margin_of_mean(mmd.influence)}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return the bias, which is all that a perfect generator gets, and its standard deviation."""
        return {"cmmd": Baseline(*expected_gaussian_mmd(real.whole.rows, samples, self.bandwidth))}
