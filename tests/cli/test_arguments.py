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
def test_unknown_flags_are_problems(flag):
    (problem,) = read_arguments([flag]).problems
    assert problem.startswith(f"{flag}: no such flag")


@pytest.mark.parametrize(
    ("flag", "keys", "overrides"),
    [
        (
            "--lr=1",
            "optimizer.generator.lr=1 or optimizer.discriminator.lr=1",
            ["optimizer.generator.lr=1", "optimizer.discriminator.lr=1"],
        ),
        ("--kimg=3", "budget.images=..., in images", []),  # not 3: elsewhere it is thousands
        ("--batch-gpu=4", "model.microbatch=...", []),
        ("--output-dirr=x", "output_dir=x", ["output_dir=x"]),
        ("--loss.margin=2", "loss.margin=2", ["loss.margin=2"]),
        ("--seed", "seed=...", []),
    ],
)
def test_a_key_with_dashes_is_understood(flag, keys, overrides):
    read = read_arguments([flag])
    assert read.problems == [f"{flag}: no such flag; keys have no dashes: {keys}"]
    assert read.overrides == overrides  # so that it is checked with the others, and is not missing


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        ("-metrics", "--metrics: no such flag; keys have no dashes: metrics=..."),
        ("-hdf5", "--hdf5: no such flag; keys have no dashes: dataset=hdf5"),
        ("-cfg=a.yaml", "--cfg=a.yaml: prints a config (job, hydra, all); a recipe is experiment=NAME"),
        ("-cjobs", "--cjobs: no such flag, and no such key; --help lists both"),
    ],
)
def test_a_name_with_one_dash_is_no_joined_flags(flag, problem):
    assert read_arguments([flag]).problems == [problem]


def test_flags_that_are_joined_with_their_values_are_read():
    assert read_arguments(["-cjob"]).cfg == "job"
    assert read_arguments(["-cjob", "-pmodel.generator"]).package == "model.generator"
    assert read_arguments(["-idefaults"]).info == "defaults"


def test_a_flag_that_is_like_nothing_is_no_key_either():
    assert read_arguments(["--thing"]).problems == ["--thing: no such flag, and no such key; --help lists both"]


def test_the_value_of_a_wrong_flag_is_no_word_of_its_own():
    read = read_arguments(["--epochs", "5", "lss=hinge", "--x=1", "there"])
    assert read.overrides == ["lss=hinge", "there"]
    assert [problem.partition(":")[0] for problem in read.problems] == ["--epochs=5", "--x=1"]


def test_what_python_leaves_of_joined_flags_is_refused_like_others():
    assert _with_values(["-z"], ["-mz", "seed=1"]) == ["-z"]  # since Python 3.12; earlier ones refuse it themselves


def test_a_flag_is_suggested():
    assert read_arguments(["--multirn"]).problems == ["--multirn: no such flag; did you mean '--multirun'?"]
    problems = read_arguments(["--cfg=stylegan3-t", "--name", "faces", "--mirror=1"]).problems
    assert [problem.partition(": ")[0] for problem in problems] == ["--cfg=stylegan3-t", "--name=faces", "--mirror=1"]
    assert "experiment=NAME" in problems[0]


def test_a_flag_without_its_value_is_refused():
    with pytest.raises(ConfigError, match="--config-dir: expected one argument"):
        read_arguments(["--config-dir"])


def test_a_wrong_flag_that_is_given_twice_is_answered_twice():
    read = read_arguments(["--foo", "bar", "--foo", "--loss", "a", "b", "--loss", "c"])
    assert [problem.partition(":")[0] for problem in read.problems] == ["--foo=bar", "--foo", "--loss=a", "--loss=c"]
    assert read.overrides == ["b", "loss=a", "loss=c"]


@pytest.mark.parametrize(
    ("flag", "end"),
    [
        (["--config", "mine/config.yaml"], "; a file is read with --config-dir mine --config-name config"),
        (["--use-wandb"], "; keys have no dashes: logger=wandb"),
        (["--baseline=hinge"], "; of hydra/sweeper=sequential it is hydra.sweeper.baseline"),
        (["--dry-run"], "; --cfg job prints the config and trains nothing"),
        (["--compile"], "; networks are not compiled here; trainer.precision=bf16-mixed makes steps faster"),
    ],
)
def test_a_flag_of_a_file_or_an_option_is_answered_with_how_that_is_chosen(flag, end):
    read = read_arguments(flag)
    assert read.overrides == []
    (problem,) = read.problems
    assert problem.endswith(end)
