import pytest
from omegaconf import OmegaConf

from gan_experiments.config.compose import compose, examine
from gan_experiments.config.programs import SampleConfig
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError


def problems(*overrides, **options):
    return [str(problem) for problem in examine("train", Config, overrides, **options).problems]


@pytest.fixture
def folder(tmp_path):
    """A user's own folder of configs."""

    def write(**files):
        for name, text in files.items():
            file = tmp_path / f"{name.replace('__', '/')}.yaml"
            file.parent.mkdir(exist_ok=True, parents=True)
            file.write_text(text)
        return tmp_path

    return write


def test_the_defaults_compose():
    assert problems() == []
    assert "hydra" not in compose("train")


def test_everything_is_reported_at_once():
    told = problems(
        "modle=dcgan", "model=dcgn", "loss=hing", "batch_size=abc", "seed=-1", "model.generator.chanels=3", "+foo=3",
        "optimizer.generator.lr=-1", "word", "a=[", "d_steps=1,2", "~nothing", "++bar=1",
    )  # fmt: skip
    for start in (
        "modle: no such key; did you mean 'model'?",
        "model: no option 'dcgn'; did you mean 'dcgan'?",
        "loss: no option 'hing'; did you mean 'hinge'?",
        "batch_size: 'abc' is not an integer >= 1",
        "seed: -1 is not",
        "model.generator.chanels: no such key; did you mean 'channels'?",
        "foo: no such key",
        "bar: no such key",
        "optimizer.generator.lr: -1 is not a number > 0",
        "'word' is not of the form key=value",
        "'a=[' cannot be read",
        "d_steps: 2 values need -m",
        "nothing: no such key to delete",
    ):
        assert any(line.startswith(start) for line in told), start
    assert len(told) == 13


def test_several_components_of_a_group():
    assert list(compose("train", ["penalty=[r1,lecam]", "penalty.r1.interval=16"]).penalty) == ["r1", "lecam"]
    assert compose("train", ["penalty=[r1,lecam]", "penalty.r1.interval=16"]).penalty.r1.interval == 16
    assert list(compose("train", ["penalty=r1"]).penalty) == ["r1"]
    assert compose("train", ["penalty=none"]).penalty == {}
    assert problems("penalty=[r1,lecm]") == [problems("penalty=lecm")[0]]


def test_what_is_below_an_option_that_does_not_exist_is_judged_by_the_nearest():
    assert len(problems("model=mpl", "model.generator.hidden=[8]")) == 1
    assert len(problems("model=mpl", "model.generator.channels=8")) == 2
    assert len(problems("model=qqqqqq", "model.generator.anything=8")) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("seed=3", "seed=3"),
        ("+seed=3", "seed=3"),
        ("optimizer.generator.amsgrad=true", "++optimizer.generator.amsgrad=true"),
        ("+optimizer.generator.amsgrad=true", "++optimizer.generator.amsgrad=true"),
        ("loss=hinge", "loss=hinge"),
        ("+loss=hinge", "loss=hinge"),
        ("++loss=hinge", "loss=hinge"),
        ("~callbacks.samples", "~callbacks.samples"),
        ("name=null", "name=null"),
        ("hydra.job.name=x", "hydra.job.name=x"),
    ],
)
def test_hydra_is_told_in_its_own_way(given, told):
    found = examine("train", Config, [given])
    assert found.problems == []
    assert found.overrides == [told]


def test_experiments_change_groups_and_values(folder):
    text = (
        "# @package _global_\ndefaults:\n  - override /loss: wasserstein\n  - override /penalty: [r1, lecam]\nseed: 7\n"
    )
    directory = folder(experiment__mine=text)
    config = compose("train", ["experiment=mine"], directory)
    assert config.loss._target_.endswith("Wasserstein")
    assert list(config.penalty) == ["r1", "lecam"]
    assert config.seed == 7
    assert compose("train", ["experiment=mine", "seed=8", "loss=hinge"], directory).seed == 8
    assert problems("experiment=mine", config_dir=directory) == []
    assert "did you mean 'mine'" in problems("experiment=mien", config_dir=directory)[0]


def suited(*overrides, config_dir=None):
    config = compose("train", overrides, config_dir)
    networks = config.model.generator._target_.rpartition(".")[2]
    return networks, [*config.metrics.get("features", {}), *config.metrics.get("measures", {})]


@pytest.mark.parametrize("dataset", ["ring", "grid", "swiss_roll"])
def test_points_come_with_networks_and_measures(dataset):
    assert suited(f"dataset={dataset}") == ("MLPGenerator", ["known_distribution"])
    assert compose("train", [f"dataset={dataset}"]).callbacks.samples.count == 1000
    assert problems(f"dataset={dataset}") == []


@pytest.mark.parametrize("dataset", ["polygons", "stacked_digits", "stacked_mnist"])
def test_known_truths_come_with_their_measures(dataset):
    assert suited(f"dataset={dataset}") == ("DCGANGenerator", ["fid", "is", "known_distribution"])
    assert problems(f"dataset={dataset}") == []


def test_what_is_named_goes_before_the_defaults_of_a_dataset(folder):
    assert suited("dataset=ring", "model=dcgan", "metrics=native") == ("DCGANGenerator", ["fid", "is"])
    assert compose("train", ["dataset=ring", "callbacks.samples.count=9"]).callbacks.samples.count == 9
    assert suited("dataset=ring", "dataset_defaults=none") == suited()
    text = "# @package _global_\ndefaults:\n  - override /model: sngan\ncallbacks:\n  samples:\n    count: 5\n"
    directory = folder(experiment__mine=text)
    config = compose("train", ["dataset=ring", "experiment=mine"], directory)
    assert config.callbacks.samples.count == 5
    assert config.model.generator._target_ == compose("train", ["model=sngan"]).model.generator._target_
    assert list(config.metrics.measures) == ["known_distribution"]


def test_hydra_is_told_of_the_defaults_of_one_dataset_where_there_are_any(folder):
    assert examine("train", Config, ["dataset=ring"]).overrides == ["dataset=ring", "dataset_defaults=ring"]
    assert examine("train", Config, ["dataset=digits"]).overrides == ["dataset=digits"]
    swept = examine("train", Config, ["dataset=polygons,digits"], multirun=True)
    assert swept.overrides == ["dataset=polygons,digits"]
    assert "dataset_defaults" not in str(compose("data", ["dataset=ring"]))
    assert list(compose("evaluate", ["dataset=ring"]).metrics.features) == ["fid", "is"]


def test_a_folder_of_the_users_adds_options(folder):
    directory = folder(loss__mine="_target_: gan_experiments.losses.hinge.Hinge\n")
    assert problems("loss=mine", config_dir=directory) == []
    assert "(" in problems("loss=mine")[0]


def test_a_saved_config_repeats_its_run(folder):
    config = compose("train", ["loss=hinge", "penalty=r1", "seed=5"])
    directory = folder(config=OmegaConf.to_yaml(config, resolve=True))
    assert compose("config", [], directory) == config
    assert examine("config", Config, ["seed=6"], directory, foreign=True).problems == []
    (problem,) = examine("config", Config, ["loss=minimax"], directory, foreign=True).problems
    assert "no such group" in problem.text


def test_a_config_from_a_stranger_is_refused(folder):
    config = compose("train")
    OmegaConf.set_struct(config, False)
    config.loss = {"_target_": "torch.load", "f": "x"}
    config.penalty = {"a": {"_target_": "${oc.env:HOME}"}, "b": {"_target_": "evil.Class"}}
    config.trusted = ["evil"]
    config.hydra = {"callbacks": {"x": {"_target_": "os.system"}}, "job": {"env_set": {"LD_PRELOAD": "x"}}}
    config.hydra["launcher"] = {"_target_": "evil.Launcher"}
    directory = folder(config=OmegaConf.to_yaml(config))
    found = examine("config", Config, [], directory, foreign=True)
    keys = {problem.key for problem in found.problems}
    hydra = {"hydra.callbacks", "hydra.job.env_set", "hydra.launcher"}
    assert keys == {"loss._target_", "penalty.a._target_", "penalty.b._target_"} | hydra
    assert found.trusted == []


def test_trust_comes_from_the_command_line():
    assert examine("train", Config, ["trusted=[a,b]"]).trusted == ["a", "b"]
    assert examine("train", Config, ["+trusted=[a]", "++trusted=[b]"]).trusted == ["b"]
    assert problems("trusted=[os]")[0].startswith("trusted: 'os'")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [1", "cannot be read"),
        ("- 1", "must be a DictConfig"),
        ("seed: " + "{a: " * 3000 + "1" + "}" * 3000, "recursion"),
        ("seed: ${d_steps}\nd_steps: ${seed}", "cannot be resolved"),
        ("\x00", "cannot be"),
        ("seed: !!python/object/apply:os.system [id]", "cannot be read"),
        ("", "missing"),
    ],
)
def test_broken_files_are_problems(folder, text, reason):
    found = examine("config", Config, [], folder(config=text), foreign=True)
    assert any(reason in problem.text for problem in found.problems)


def test_folders_and_configs_that_do_not_exist(tmp_path):
    with pytest.raises(ConfigError, match="--config-dir"):
        compose("train", [], tmp_path / "none")
    with pytest.raises(ConfigError, match="--config-name"):
        compose("trian")


def test_sweeps_are_checked_value_by_value():
    assert problems("loss=hinge,minimax", "seed=0,1,2", "d_steps=range(1,4)", multirun=True) == []
    told = problems("loss=hinge,hing", "seed=0,-1", "optimizer.generator.lr=interval(-1,1)", "a=1,2", multirun=True)
    keys = [line.partition(":")[0] for line in told]
    assert keys == ["loss", "optimizer.generator.lr", "optimizer.generator.lr", "a", "seed"]


def test_every_combination_of_a_grid_is_checked():
    told = problems("trainer=gpu", "penalty=none,r1", "trainer.precision=32-true,16-mixed", "seed=0,1", multirun=True)
    assert len(told) == 1
    assert "16-mixed cannot be combined with penalty r1" in told[0]


def test_a_grid_beyond_counting_is_refused():
    (told,) = problems("seed=range(0,100)", "batch_size=range(1,101)", multirun=True)
    assert told.startswith("a sweep of 10,000 jobs")


def test_a_sweep_over_models_checks_their_keys():
    (line,) = problems("model=dcgan,mlp", "model.generator.channels=8", multirun=True)
    assert line.startswith("model.generator.channels: no such key")


def test_sweeps_of_a_file_are_checked(folder):
    text = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      seed: 0,x\n"
    directory = folder(experiment__mine=text)
    assert problems("experiment=mine", config_dir=directory, multirun=True) == ["seed: 'x' is not an integer >= 0"]
    assert problems("experiment=mine", "seed=1,2", config_dir=directory, multirun=True) == []


def test_the_sweeps_of_a_file_trust_nobody(folder):
    text = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      trusted: '[evil]'\n"
    found = examine("train", Config, ["experiment=mine"], folder(experiment__mine=text), multirun=True)
    assert found.trusted == []


def test_compose_raises_for_what_cannot_be_composed():
    with pytest.raises(ConfigError) as caught:
        compose("train", ["loss=hing", "=", "hydra.nothing=3"])
    assert len(caught.value.problems) == 3


def test_interpolations_of_hydra_are_resolved():
    assert problems("name=${hydra:runtime.choices.loss}") == []
    assert problems("seed=${hydra:runtime.choices.loss}") == ["seed: 'non_saturating' is not an integer >= 0"]


def test_missing_values_are_marked():
    (problem,) = examine("sample", SampleConfig, []).problems
    assert (problem.key, problem.missing) == ("run", True)


def test_warnings_are_no_problems():
    found = examine("train", Config, ["model=mlp", "penalty=[r1,wgan_gp]"])
    assert found.problems == []
    assert len(found.warnings) == 1
