"""Inception Score."""

from __future__ import annotations

from typing import ClassVar

from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.features import FeatureMeasure, FeatureSet
from gan_experiments.metrics.functional.inception_score import inception_score


class InceptionScore(FeatureMeasure):
    """Inception Score: confidence and diversity of predicted classes (Salimans et al. 2016, section 4).

    Keeps the logits of all images. An extractor without classes gives no value.

    Values:
        ``is``: between 1 and the number of classes.

    Args:
        splits: Random parts of the images that the score is averaged over; it grows with their size.
    """

    values: ClassVar[tuple[str, ...]] = ("is",)
    higher_is_better = True
    keeps: ClassVar[tuple[str, ...]] = ("logits",)
    supports_jackknife: ClassVar[bool] = True

    def __init__(self, splits: PositiveInt = 10) -> None:
        self.splits = splits

    @property
    def min_images(self) -> int:
        """One image for each split."""
        return self.splits

    def compute(self, real: FeatureSet, fake: FeatureSet, seed: int) -> dict[str, float]:
        """Return the score, which does not depend on the real images."""
        if fake.logits is None:
            return {}
        return {"is": inception_score(fake.logits, self.splits, seed)[0]}
