"""Fréchet inception distance."""

from __future__ import annotations

from typing import ClassVar

from gan_experiments.metrics.features import FeatureMeasure, FeatureSet
from gan_experiments.metrics.functional.frechet import frechet_distance


class FID(FeatureMeasure):
    """Fréchet inception distance: between Gaussians with the moments of both sets (Heusel et al. 2017, equation 6).

    Values:
        ``fid``: the squared distance; 0 for sets with equal moments.
    """

    values: ClassVar[tuple[str, ...]] = ("fid",)
    higher_is_better = False
    selection: ClassVar[str] = "fid"
    supports_jackknife: ClassVar[bool] = True

    def compute(self, real: FeatureSet, fake: FeatureSet, seed: int) -> dict[str, float]:
        """Return the distance, which needs the moments only."""
        return {"fid": frechet_distance(real.moments.gaussian(), fake.moments.gaussian())}
