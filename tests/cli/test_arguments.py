import pytest

from gan_experiments.cli._arguments import _with_values, read_arguments
from gan_experiments.core.types import ConfigError


def test_flags_and_overrides_come_in_any_order():
    read = read_arguments(["seed=1", "-m", "loss=a,b", "--config-dir", "x", "~y"])
    assert read.overrides == ["seed=1", "loss=a,b", "~y"]
    assert read.config_dir == "x"
    assert read.multirun
    assert not read.for_hydra
    assert read_arguments(["hydra.mode=MULTIRUN"]).multirun
    assert not read_arguments(["--cfg", "job", "-m"]).multirun  # a config is printed; nothing runs


@pytest.mark.parametrize(
    "arguments", [["-i"], ["--info", "plugins"], ["-sc", "query=bash"], ["seed=1", "--hydra-help"]], ids=" ".join
)
def test_what_hydra_answers_by_itself(arguments):
    assert read_arguments(arguments).for_hydra


@pytest.mark.parametrize("flag", ["--multirn", "--config-path", "--experimental-rerun", "-x"])
def test_unknown_flags_are_refused(flag):
    with pytest.raises(ConfigError, match=f"{flag}: no such flag"):
        read_arguments([flag])


@pytest.mark.parametrize(
    ("flag", "keys"),
    [
        ("--lr=1", "optimizer.generator.lr=1 or optimizer.discriminator.lr=1"),
        ("--kimg=3", "budget.images=..., in images"),  # not 3: elsewhere it is thousands
        ("--batch-gpu=4", "model.microbatch=..."),
        ("--output-dirr=x", "output_dir=x"),
        ("--thing", "thing=..."),
    ],
)
def test_a_key_with_dashes_is_understood(flag, keys):
    with pytest.raises(ConfigError) as refusal:
        read_arguments([flag])
    assert str(refusal.value) == f"{flag}: no such flag; keys have no dashes: {keys}"


def test_what_python_leaves_of_joined_flags_is_refused_like_others():
    assert _with_values(["-z"], ["-mz", "seed=1"]) == ["-z"]  # since Python 3.12; earlier ones refuse it themselves


def test_a_flag_is_suggested():
    with pytest.raises(ConfigError, match="did you mean '--multirun'"):
        read_arguments(["--multirn"])
    with pytest.raises(ConfigError) as refusal:
        read_arguments(["--cfg=stylegan3-t", "--name", "faces", "--mirror=1"])
    assert [problem.partition(": ")[0] for problem in refusal.value.problems] == [
        "--cfg=stylegan3-t", "--name=faces", "--mirror=1",
    ]  # fmt: skip
    assert "experiment=NAME" in refusal.value.problems[0]
