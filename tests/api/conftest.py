import pytest
from tiny import tiny_overrides

import gan_experiments


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Train a tiny run on digits once for all tests of the API."""
    return gan_experiments.train(
        tiny_overrides(f"output_dir={tmp_path_factory.mktemp('api')}", "seed=3", "ema.rampup=null")
    )
