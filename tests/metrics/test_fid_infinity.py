import pytest
from pixels import evaluator, from_tensor, source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.fid_infinity import FIDInfinity


def test_it_is_for_final_evaluations_only():
    measure = evaluator(features={"fid": FID(), "fid_infinity": FIDInfinity()})
    sample = from_tensor(source(seed=1, count=500).images)
    assert measure(sample, 300).keys() == {"fid"}
    full = measure.final(sample, 300)
    assert full["fid_infinity"].value < full["fid"].value
    with pytest.raises(ConfigError, match="15 generated images are too few for fid_infinity, which needs 16"):
        measure.check(15, "metrics.final_samples")
    measure.check(15, "metrics.samples", final=False)
