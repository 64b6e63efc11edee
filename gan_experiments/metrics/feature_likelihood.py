"""FLS: feature likelihood score of generated images."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.feature_set import FeatureSet, PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure
from gan_experiments.metrics.functional.feature_likelihood import feature_likelihood_score
from gan_experiments.metrics.measure import Baseline, Values


class FLS(FeatureMeasure):
    """Feature likelihood score: quality, diversity and novelty in one number (Jiralerspong et al. 2023).

    Needs real images that the generator was not trained on: ``dataset.limit`` or ``dataset.per_class`` holds some out.
    Half of the training images fit the Gaussians, the others are what a perfect generator would make. Keeps the
    features of all images.

    Values:
        ``fls``: 100 for images as good as real ones; copies of training images get less.

    Args:
        feature: As for ``FeatureMeasure``.
        images: Images of each set, at most; 10,000 in the paper, where the fit takes 4 GB.
        reset_real_features: As for ``FeatureMeasure``.
    """

    values: ClassVar[tuple[str, ...]] = ("fls",)
    higher_is_better = True
    keeps: ClassVar[tuple[str, ...]] = ("features",)
    min_trained: ClassVar[int] = 4  # two of each half
    min_held_out: ClassVar[int] = 2
    final_only: ClassVar[bool] = True

    def __init__(
        self, feature: nn.Module | None = None, images: PositiveInt = 2000, reset_real_features: bool = True
    ) -> None:
        super().__init__(feature, reset_real_features)
        self.images = images

    def compare(self, real: FeatureSet, fake: FeatureSet, seed: int) -> Values:
        """Return the score, of as many generated images as there are in a half of the training set, at most."""
        assert real.trained is not None
        trained, held_out = real.rows[real.trained], real.rows[~real.trained]
        order = Stream(seed, "fls").permutation(len(trained)).to(trained.device)
        count = min(self.images, len(trained) // 2, len(fake.rows))
        fitted, others = trained[order[count:][: self.images]], trained[order[:count]]
        score = feature_likelihood_score(fitted, others, held_out[: self.images], fake.rows[:count])
        return {"fls": score}

    def expected(self, real: PartitionedFeatures, samples: int) -> dict[str, Baseline]:
        """Return 100: the score is relative to real images."""
        return {"fls": Baseline(100.0)}
