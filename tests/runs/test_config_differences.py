import pytest

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.config_differences import (
    add_defaults,
    changed,
    default_of,
    differences,
    refuse_another_config,
)
from gan_experiments.runs.folder import RunFolder


def test_configs_differ_by_what_changes_the_result():
    old = {"seed": 0, "name": "a", "trainer": {"devices": 1, "precision": "32-true"}, "loss": {"_target_": "x"}}
    assert differences(old, {**old, "name": "b", "trainer": {"devices": 2, "precision": "32-true"}}) == []
    new = {"seed": 1, "trainer": {"devices": 1, "precision": "bf16-mixed"}, "loss": {"_target_": "y", "margin": 1}}
    assert differences(old, new) == ["seed", "trainer.precision", "loss._target_", "loss.margin"]


def test_options_of_a_later_version_that_are_off_are_no_difference():
    assert differences({"seed": 0}, {"seed": 0, "stop": {"patience": None}, "ramps": {}}) == []
    assert differences({"seed": 0}, {"seed": 0, "stop": {"patience": 5}}) == ["stop"]


def test_another_config_is_refused_with_both_values_of_each_key(tmp_path):
    run = RunFolder(tmp_path)
    run.write_config({"seed": 0, "name": "a", "loss": {"margin": 1.0}})
    refuse_another_config(run, {"seed": 0, "name": "b", "loss": {"margin": 1.0}})
    assert changed(run.read_config(), {"seed": 1, "loss": {}}) == [("seed", 0, 1), ("loss.margin", 1.0, None)]
    with pytest.raises(ConfigError) as refused:
        refuse_another_config(run, {"seed": 1, "loss": {"margin": 1.0}})
    assert refused.value.problems[0] == f"seed: 0 in {tmp_path}, 1 here"
    assert "rerun=true starts another" in refused.value.problems[1]


MLP = "gan_experiments.networks.mlp.MLPGenerator"


def test_an_option_that_was_added_later_has_its_default():
    old = {"model": {"generator": {"_target_": MLP, "latent_dim": 2}}}
    new = {"model": {"generator": {"_target_": MLP, "latent_dim": 2, "output_scale": 1.0, "hidden": [256]}}}
    assert differences(old, new) == differences(new, old) == []
    new["model"]["generator"]["output_scale"] = 0.2
    assert differences(old, new) == differences(new, old) == ["model.generator.output_scale"]
    other = {"model": {"generator": {"_target_": "a.B", "latent_dim": 2, "output_scale": 1.0, "hidden": [256]}}}
    assert "model.generator.output_scale" in differences(old, other)


def test_defaults_are_those_of_the_class_and_its_bases():
    assert default_of(MLP, "hidden") == [256]
    assert default_of(MLP, "facts") is None  # has none
    assert default_of("gan_experiments.nowhere.Nothing", "hidden") is None
    assert default_of("mine.Generator", "hidden") is None
    assert default_of("torch.optim.Adam", "amsgrad") is False


def test_runs_that_are_compared_get_the_options_of_later_ones():
    old, new = {"g._target_": MLP, "seed": 0}, {"g._target_": MLP, "g.output_scale": 1.0, "seed": 1}
    other = {"g._target_": "a.B", "seed": 0}
    mine = [{"h._target_": "mine.Own"}, {"h._target_": "mine.Own", "h.width": 3}]
    add_defaults([old, new, other, *mine])
    assert old == {**new, "seed": 0}
    assert other == {"g._target_": "a.B", "seed": 0}
    assert "h.width" not in mine[0]
