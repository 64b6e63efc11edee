"""Fréchet inception distance."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance

from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures, real_parts
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.expected_frechet import expected_frechet_distance
from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.measure import Baseline, Values


class FID(FeatureMeasure, FrechetInceptionDistance):
    """Fréchet inception distance: between Gaussians with the moments of both sets (Heusel et al. 2017, equation 6).

    The ``FrechetInceptionDistance`` of torchmetrics, with float64 sums that do not cancel and a faster distance.

    Values:
        ``fid``: the squared distance; 0 for sets with equal moments.
    """

    values: ClassVar[tuple[str, ...]] = ("fid",)
    higher_is_better = False
    selection: ClassVar[str] = "fid"
    keeps: ClassVar[tuple[str, ...]] = ("moments",)
    baseline_version: ClassVar[int] = 1
    supports_jackknife: ClassVar[bool] = True

    def compare(self, real: FeatureSet, fake: FeatureSet, seed: int) -> Values:
        """Return the distance, which needs the moments only."""
        return {"fid": frechet_distance(real.gaussian(), fake.gaussian())}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return the expected distance of a perfect generator; nothing for fewer than 16 real images."""
        parts = real_parts(real)
        return {} if parts is None else {"fid": Baseline(*expected_frechet_distance(parts, samples))}

    def compute(self) -> Tensor:
        """Return the distance, a float64 scalar, over the images of all processes."""
        distance: Tensor = super().compute()["fid"]
        return distance
