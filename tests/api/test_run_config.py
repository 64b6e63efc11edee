import pytest
from omegaconf import OmegaConf

from gan_experiments.api.run_config import checked_run
from gan_experiments.config.compose import compose
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder


def test_a_stranger_s_run_is_checked(fit, tiny):
    folder = fit("metrics=none", "budget.images=8")
    config = tiny("metrics=none", "budget.images=8")
    folder.write_config(config)
    assert checked_run(folder)["seed"] == 0
    folder.write_config({**config, "seed": -1, "loss": {"_target_": "os.system"}})
    with pytest.raises(ConfigError) as error:
        checked_run(folder)
    assert [line.partition(": ")[0] for line in error.value.problems] == [str(folder.config_file)] * 2


def test_a_run_cannot_trust_a_package_by_itself(tmp_path):
    config = compose("train")
    run = RunFolder(tmp_path)
    run.write_config(OmegaConf.to_container(config, resolve=True))
    assert checked_run(run)["seed"] == 0
    config.loss._target_ = "my_package.Loss"
    config.trusted = ["my_package"]
    run.write_config(OmegaConf.to_container(config, resolve=True))
    with pytest.raises(ConfigError, match=r"config\.yaml: loss\._target_: 'my_package\.Loss' is not in"):
        checked_run(run)
