"""Inception Score."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torchmetrics.image import inception

from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.extractors.base import Extracted
from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.inception_score import inception_score
from gan_experiments.metrics.functional.real_baseline import expected_inception_score
from gan_experiments.metrics.measure import Baseline, Values


class InceptionScore(FeatureMeasure, inception.InceptionScore):
    """Inception Score: confidence and diversity of predicted classes (Salimans et al. 2016, section 4).

    That of torchmetrics, in float64 and with splits that are a function of ``seed``. Keeps the logits of all images. An
    extractor without classes gives no value.

    Values:
        ``is``: between 1 and the number of classes.

    Args:
        feature: As for ``FeatureMeasure``.
        splits: Random parts of the images that the score is averaged over; it grows with their size.
    """

    values: ClassVar[tuple[str, ...]] = ("is",)
    higher_is_better = True
    compares_with_real: ClassVar[bool] = False
    keeps: ClassVar[tuple[str, ...]] = ("logits",)
    baseline_version: ClassVar[int] = 1
    fewest_option: ClassVar[str] = "splits"
    supports_jackknife: ClassVar[bool] = True

    def __init__(self, feature: nn.Module | None = None, splits: PositiveInt = 10) -> None:
        super().__init__(feature)
        self.splits = splits

    @property
    def min_images(self) -> int:
        """One image for each split."""
        return self.splits

    def compare(self, real: FeatureSet, fake: FeatureSet, seed: int) -> Values:
        """Return the score, which does not depend on the real images."""
        if fake.logits is None:
            return {}
        return {"is": inception_score(fake.logits, self.splits, seed)[0]}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return the expected score of as many new draws."""
        logits = real.whole.logits
        return {} if logits is None else {"is": Baseline(*expected_inception_score(logits, samples, self.splits))}

    def update(self, images: Tensor | Extracted, real: bool = False, labels: Tensor | None = None) -> None:
        """Add images; real ones are ignored."""
        super().update(images, real, labels)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return the mean over the splits and the standard deviation, float64 scalars, over all processes.

        Raises:
            ValueError: There are no logits.
        """
        logits = self.collected("fake").whole.logits
        if logits is None:
            raise ValueError("the Inception Score needs images, and an extractor with classes")
        score, spread = inception_score(logits, self.splits, self.seed)
        return torch.tensor(score, dtype=torch.float64), torch.tensor(spread, dtype=torch.float64)
