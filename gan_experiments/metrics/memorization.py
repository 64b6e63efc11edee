"""Whether generated images repeat the training images."""

from __future__ import annotations

from typing import ClassVar

from gan_experiments.metrics.features import FeatureMeasure, FeatureSet
from gan_experiments.metrics.functional.data_copying import data_copying
from gan_experiments.metrics.uncertainty import margin_of_mean


class Memorization(FeatureMeasure):
    """Distances of generated images to the nearest training image against those of held-out ones (Meehan et al. 2020).

    It keeps the features of all images, and needs real ones that the generator was not trained on: ``dataset.limit``
    or ``dataset.per_class`` leaves some out.

    Values:
        ``memorization``: the probability that a generated image is nearer to the training set than a held-out one is;
        0.5 for images that are as new as those, 1 for copies.
        ``memorization_z``: the same as a Z statistic, standard normal if nothing is copied, below -3 if much is.
    """

    values: ClassVar[tuple[str, ...]] = ("memorization", "memorization_z")
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    needs_held_out: ClassVar[bool] = True

    def compute(self, real: FeatureSet, fake: FeatureSet, seed: int) -> dict[str, float]:
        """Return both."""
        return self.with_margins(real, fake, seed)[0]

    def with_margins(self, real: FeatureSet, fake: FeatureSet, seed: int) -> tuple[dict[str, float], dict[str, float]]:
        """Return both, and the margin of the probability; the statistic says by itself how sure it is."""
        assert real.features is not None
        assert real.trained is not None
        assert fake.features is not None
        found = data_copying(real.features[real.trained], real.features[~real.trained], fake.features)
        values = {"memorization": found.probability, "memorization_z": found.statistic}
        return values, {"memorization": margin_of_mean(found.closer)}
