import pytest
from searches import SPACE, config

from gan_experiments.core.types import ConfigError
from gan_experiments.sweeps.search.options import SearchConfig


def test_params_come_before_the_command_line_which_overrides_them():
    assert config(params={"lr": "interval(1,2)"}).lines(["lr=3", "seed=1"]) == ["lr=interval(1,2)", "lr=3", "seed=1"]


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"objectives": []}, ["objectives"]),
        ({"objectives": ["fid", "fid"]}, ["objectives"]),
        ({"pruner": "median"}, []),
        ({"pruner": "median", "objectives": ["fid", "is"]}, ["pruner"]),
        ({"pruner": "median", "objectives": ["seconds"]}, ["pruner"]),
    ],
)
def test_options_that_contradict_each_other_are_named(changes, keys):
    assert [each.key.removeprefix("hydra.sweeper.") for each in config(**changes).problems(SPACE)] == keys


def test_the_node_of_hydra_names_its_class_as_well():
    assert SearchConfig.of({"_target_": "package.Sweeper", **vars(config())}) == config()


def test_the_direction_of_objectives_is_that_of_measures_and_costs():
    objectives = ["modes", "fid/dino", "images_per_second", "seconds"]
    assert config(objectives=objectives, better={"modes": "higher", "fid": "lower"}).directions() == [
        True, False, True, False,
    ]  # fmt: skip


def test_an_objective_without_a_direction_is_refused_with_the_way_out():
    with pytest.raises(
        ConfigError, match=r"higher fdi is better; did you mean 'fid'.*better=\{fdi: lower\}' or higher"
    ):
        config(objectives=["fdi"]).directions()
