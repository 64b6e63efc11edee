import math

import numpy as np

from gan_experiments.comparison.arms import Criterion
from gan_experiments.comparison.collect import collect
from gan_experiments.comparison.curves import middle_curve
from gan_experiments.comparison.design import lay_out

FID = Criterion("fid", "final", higher_is_better=False)


def test_the_line_of_an_arm_is_its_median_seed(study):
    (arm,) = [arm for arm in lay_out(collect(study).runs).arms if arm.label == "hinge"]
    line = middle_curve(arm, FID)
    table = np.array([run.curves["fid"].values for run in arm.runs.values()])
    np.testing.assert_allclose(line.middle, np.median(table, axis=0))
    np.testing.assert_allclose(line.low, np.quantile(table, 0.1, axis=0))
    np.testing.assert_allclose(line.high, np.quantile(table, 0.9, axis=0))
    np.testing.assert_allclose(line.seconds, line.images / 1000)


def test_a_seed_that_diverged_is_the_worst_from_there_on(study):
    (arm,) = [arm for arm in lay_out(collect(study).runs).arms if arm.label == "minimax"]
    line = middle_curve(arm, FID)
    half = line.images <= 100_000
    assert np.isfinite(line.high[half]).all()
    assert np.isinf(line.high[~half]).all()
    assert np.isfinite(line.middle).all(), "three of five finished"


def test_turned_quantiles_for_what_should_be_large(study):
    (arm,) = [arm for arm in lay_out(collect(study).runs).arms if arm.label == "minimax"]
    line = middle_curve(arm, Criterion("is", "final", higher_is_better=True))
    finite = np.isfinite(line.low)
    assert (line.low[finite] <= line.middle[finite]).all()
    assert (line.middle <= line.high).all()
    assert (line.low[~finite] == -math.inf).all()
