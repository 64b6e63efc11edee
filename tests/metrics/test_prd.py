import pytest
from gaussians import normal
from pixels import evaluator, from_tensor, source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.functional import precision_recall_curve
from gan_experiments.metrics.prd import PRD


def test_it_is_the_curve_of_the_features():
    real, fake = normal(150, 4), normal(120, 4, seed=1)
    found = PRD(clusters=5, runs=2).compare(FeatureSet(features=real), FeatureSet(features=fake), seed=3)
    curve = precision_recall_curve(real, fake, 3, 5, 2)
    assert found == {"prd_precision": curve.f_precision, "prd_recall": curve.f_recall}
    assert PRD(clusters=5, runs=2).provenance() == {"clusters": 5, "runs": 2}


def test_a_perfect_generator_is_at_the_real_baseline():
    compared = evaluator(features={"prd": PRD(clusters=8, runs=2)})
    for estimate in compared.final(from_tensor(source(seed=1).images), 400).values():
        assert estimate.value == pytest.approx(estimate.real_baseline, abs=5 * estimate.real_baseline_spread)
        assert estimate.higher_is_better
    with pytest.raises(ConfigError, match="10 generated images are too few for prd, which needs 20"):
        evaluator(features={"prd": PRD()}).check(10, "metrics.samples")
