import pytest
from omegaconf import OmegaConf

from gan_experiments.config.hydra_node import hydra_problems

PLAIN = {"callbacks": {}, "job_logging": {}, "job": {"env_set": {}, "name": "a"}, "launcher": {"_target_": "x"}}


@pytest.mark.parametrize(
    ("change", "key", "always"),
    [
        ({"callbacks": {"a": {"_target_": "os.system"}}}, "hydra.callbacks", True),
        ({"job_logging": {"handlers": {"a": {"()": "os.system"}}}}, "hydra.job_logging", True),
        ({"job": {"env_set": {"LD_PRELOAD": "x"}}}, "hydra.job.env_set", True),
        ({"launcher": {"setup": ["rm -rf ~"]}}, "hydra.launcher", False),
        ({"searchpath": ["pkg://evil"]}, "hydra.searchpath", False),
    ],
)
def test_files_do_not_configure_hydra(change, key, always):
    commanded = OmegaConf.create(PLAIN)
    composed = OmegaConf.merge(commanded, change)
    assert [problem.key for problem in hydra_problems(composed, commanded, everything=True)] == [key]
    assert bool(hydra_problems(composed, commanded, everything=False)) is always


def test_names_and_runtime_are_free():
    commanded = OmegaConf.create(PLAIN)
    composed = OmegaConf.merge(commanded, {"job": {"name": "b"}, "runtime": {"cwd": "/"}, "help": {"app_name": "c"}})
    assert hydra_problems(composed, commanded, everything=True) == []
