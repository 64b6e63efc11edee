import pytest

from gan_experiments.api.request import checked_names, checked_request, checked_run, refuse
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError


def test_a_request_says_what_was_asked_for():
    line = checked_names("train", Config, ["loss=hinge", "seed=2"])
    request = checked_request(line, Config, line.config(), pytest.fail)
    assert request.overrides == ["loss=hinge", "seed=2"]
    assert (request.choices["loss"], request.config["seed"]) == ("hinge", 2)


def test_what_is_only_shown_may_lack_values_and_name_sweeps():
    with pytest.raises(ConfigError, match="belongs to a sweep"):
        checked_names("train", Config, ["study=losses"])
    assert checked_names("train", Config, ["study=losses"], partial=True).choices["study"] == "losses"


def test_a_stranger_s_run_is_checked(fit, tiny):
    folder = fit("metrics=none", "budget.images=8")
    config = tiny("metrics=none", "budget.images=8")
    folder.write_config(config)
    assert checked_run(folder, Config)["seed"] == 0
    folder.write_config({**config, "seed": -1, "loss": {"_target_": "os.system"}})
    with pytest.raises(ConfigError) as error:
        checked_run(folder, Config)
    assert [line.partition(": ")[0] for line in error.value.problems] == [str(folder.config_file)] * 2


def test_a_problem_is_told_once():
    refuse([])
    with pytest.raises(ConfigError) as error:
        refuse(["a", "b", "a"])
    assert error.value.problems == ["a", "b"]
