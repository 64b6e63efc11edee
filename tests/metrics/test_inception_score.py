import pytest
from gaussians import normal

from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.functional import inception_score
from gan_experiments.metrics.inception_score import InceptionScore
from gan_experiments.metrics.moments import Moments


def test_it_is_the_score_of_the_logits():
    logits, real = 3 * normal(100, 10), FeatureSet(Moments(4))
    values = InceptionScore(splits=5).compare(real, FeatureSet(Moments(4), logits=logits), seed=3)
    assert values == {"is": inception_score(logits, 5, seed=3)[0]}


@pytest.mark.parametrize("splits", [1, 5])
def test_without_classes_there_is_none(splits):
    assert InceptionScore(splits=splits).compare(FeatureSet(Moments(4)), FeatureSet(Moments(4)), 0) == {}
    assert InceptionScore(splits=splits).min_images == splits
