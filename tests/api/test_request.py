import pytest
from omegaconf import OmegaConf

from gan_experiments.api import request
from gan_experiments.api.request import checked_names, checked_request, file_problems, name_problems, refuse
from gan_experiments.config.command_schemas import (
    CompareConfig,
    ConvertConfig,
    DataConfig,
    DiagnoseConfig,
    EvaluateConfig,
    ExportConfig,
    ImportConfig,
    RunsArchiveConfig,
    SampleConfig,
    ShardsConfig,
    TranslateConfig,
)
from gan_experiments.config.compose import check_command_line, compose
from gan_experiments.config.schema import Config
from gan_experiments.core.checks import Problem
from gan_experiments.core.types import ConfigError

SCHEMAS = {
    "train": Config,
    "sample": SampleConfig,
    "evaluate": EvaluateConfig,
    "translate": TranslateConfig,
    "compare": CompareConfig,
    "convert": ConvertConfig,
    "data": DataConfig,
    "diagnose": DiagnoseConfig,
    "export": ExportConfig,
    "import": ImportConfig,
    "runs_archive": RunsArchiveConfig,
    "shards": ShardsConfig,
}
WRITTEN = {name: "output" for name in SCHEMAS if name != "evaluate"} | {"train": "output_dir", "sample": "file"}


def test_a_request_says_what_was_asked_for():
    line = checked_names(check_command_line("train", Config, ["loss=hinge", "seed=2"]))
    request = checked_request(line, Config, pytest.fail)
    assert request.overrides == ["loss=hinge", "seed=2"]
    assert (request.choices["loss"], request.config["seed"]) == ("hinge", 2)


def test_what_is_only_shown_may_lack_values_and_name_sweeps():
    line = check_command_line("train", Config, ["study=losses"])
    with pytest.raises(ConfigError, match="belongs to a sweep"):
        checked_names(line)
    assert name_problems(line, partial=True) == []
    with pytest.raises(ConfigError, match="study: belongs to a sweep, which needs -m"):
        checked_names(check_command_line("train", Config, ["study=[losses,penalties]"]))


def test_a_saved_config_has_no_option_that_says_which_files_it_needs(tmp_path):
    chosen = ["dataset=image_folder", "dataset.root=gone"]
    config = OmegaConf.to_yaml(compose("train", chosen))
    (tmp_path / "config.yaml").write_text(config)
    assert file_problems(check_command_line("config", Config, config_dir=tmp_path)) == []


def test_files_of_a_dataset_of_the_users_own_are_not_looked_for(tmp_path):
    (tmp_path / "dataset").mkdir()
    for name, target in (("mine", "mine.Data"), ("ours", "gan_experiments.data.datasets.image_folder.ImageFolder")):
        (tmp_path / "dataset" / f"{name}.yaml").write_text(f"_target_: {target}\nroot: ???\n")
    asked = [
        file_problems(check_command_line("train", Config, [f"dataset={name}", "dataset.root=s3://x"], str(tmp_path)))
        for name in ("mine", "ours")
    ]
    assert asked == [[], ["dataset.root: there is no folder s3://x"]]


@pytest.mark.parametrize(
    ("overrides", "problems"),
    [
        (["dataset=image_folder", "dataset.root=nowhere"], ["dataset.root: there is no folder nowhere"]),
        (["dataset=lmdb", "dataset.path=nowhere"], ["dataset.path: there is no file or folder nowhere"]),
        (["dataset=image_folder", "dataset.root=here"], []),
        (["dataset=image_folder", "~dataset.root"], []),  # which its constructor asks for
        (["dataset=image_archive", "dataset._target_=mine.Data", "dataset.path=s3://pictures"], []),  # the user's class
        (["dataset=cifar10", "dataset.root=later"], []),  # made when the images are downloaded
        (["dataset=image_folder", "dataset.root='${oc.env:HOME}/nowhere'"], []),  # known once it is resolved
    ],
)
def test_files_of_the_dataset_are_looked_for_before_a_class_is_imported(tmp_path, monkeypatch, overrides, problems):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    line = check_command_line("train", Config, overrides)
    assert file_problems(line) == problems
    assert file_problems(check_command_line("evaluate", EvaluateConfig, ["fake=here"])) == []


@pytest.mark.parametrize(
    ("name", "override", "problem"),
    [
        ("train", "resume=here", "resume: here: not a run folder: config.yaml is missing"),
        ("train", "init_from=nowhere", "init_from: there is no run folder and no file nowhere; of the Hub: hub:"),
        ("train", "metrics=inception metrics.weights=nowhere", "metrics.weights: there is no file nowhere"),
        ("train", "init_from=hub:somebody/something", None),  # who asks the Hub waits
        ("train", "init_from='${oc.env:HOME}/nowhere'", None),
        ("sample", "run=nowhere", "run: nowhere: not a run folder: there is no such folder"),
        ("sample", "checkpoint=bset", "checkpoint: bset: no such checkpoint; did you mean 'best'?"),
        ("sample", "checkpoint=best", None),  # of which the run knows
        ("evaluate", "fake=nowhere", "fake: there is no file or folder nowhere"),
        ("translate", "input=nowhere", "input: there is no file or folder nowhere"),
        ("compare", "study=nowhere", "study: there is no file or folder nowhere"),
    ],
)
def test_runs_weights_and_images_are_looked_for_even_if_names_are_wrong(tmp_path, monkeypatch, name, override, problem):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    found = file_problems(check_command_line(name, SCHEMAS[name], [*override.split(), "nothing=1", "dataset=nothing"]))
    assert len(found) == (problem is not None)
    assert not found or found[0].startswith(problem)


@pytest.mark.parametrize(
    ("name", "override", "meant"),
    [
        ("sample", "run=mine", "outputs/day/mine"),
        ("train", "resume=outputs/today/mine", "outputs/day/mine"),
        ("compare", "study=losses", "outputs/losses"),
        ("data", "dataset=image_folder dataset.root=picture", "Pictures"),
    ],
)
def test_a_place_that_was_probably_meant_is_named(tmp_path, monkeypatch, name, override, meant):
    monkeypatch.chdir(tmp_path)
    for folder in ("outputs/day/mine", "outputs/losses", "Pictures"):
        (tmp_path / folder).mkdir(parents=True)
    (problem,) = file_problems(check_command_line(name, SCHEMAS[name], override.split()))
    assert problem.endswith(f"; did you mean {meant}?")


@pytest.mark.parametrize(("name", "key"), [*WRITTEN.items(), ("export", "push")])
def test_what_cannot_be_written_is_said_with_all_else(tmp_path, monkeypatch, name, key):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    line = check_command_line(name, SCHEMAS[name], [f"{key}=file/x", "nothing=1"])
    text = f"{key}: file/x: cannot be written to: {tmp_path / 'file'} is not a folder"
    assert text in file_problems(line)
    assert next(map(str, line.problems)).startswith("nothing: no such key")
    for allowed in "file", "new/x":  # of what is there the command says that it is not overwritten
        assert not any(
            "cannot" in text for text in file_problems(check_command_line(name, SCHEMAS[name], [f"{key}={allowed}"]))
        )


def test_where_a_run_that_goes_on_or_a_sweep_lies_is_not_where_a_new_one_would(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    sweep = check_command_line("train", Config, ["output_dir=file/x", "seed=0,1"], multirun=True)
    assert file_problems(sweep) == []
    (problem,) = file_problems(check_command_line("train", Config, ["output_dir=file/x", "resume=here"]))
    assert problem.startswith("resume: here")


def test_paths_are_shown_without_control_characters():
    line = check_command_line("sample", SampleConfig, ["run='a\x1b[31m'", "checkpoint='b\n'"])
    with pytest.raises(ConfigError) as error:
        refuse(file_problems(line))
    assert [problem.isprintable() for problem in error.value.problems] == [True, True]


@pytest.mark.parametrize("line", ["hydra.sweep.dir=x", "+hydra.job.env_set.A=b", "hydra/sweeper=basic"])
def test_what_is_about_sweeps_needs_one(line):
    (problem,) = name_problems(check_command_line("train", Config, [line]))
    assert problem == f"{line.lstrip('+').partition('=')[0]}: belongs to a sweep, which needs -m"
    assert name_problems(check_command_line("train", Config, [line, "seed=0,1"], multirun=True)) == []


def test_what_is_given_twice_is_said_to_count_once():
    line, warnings = checked_names(check_command_line("train", Config, ["seed=1", "d_steps=2", "seed=3", "seed=3"])), []
    assert checked_request(line, Config, warnings.append).config["seed"] == 3
    assert warnings == ["seed=1 does not count: seed=3 comes after it"]
    swept = check_command_line("train", Config, ["seed=0,1", "loss=hinge", "seed=2,3"], multirun=True)
    assert swept.repeated == ["seed=0,1 does not count: seed=2,3 comes after it"]


def test_a_problem_is_told_once():
    refuse([])
    with pytest.raises(ConfigError) as error:
        refuse(["a", "b", "a"])
    assert error.value.problems == ["a", "b"]


def test_a_warning_of_the_names_is_passed_on_and_refuses_nothing():
    overrides = ["budget.images=3000", "ema.half_life=2000", "ema.rampup=null"]
    line, warnings = checked_names(check_command_line("train", Config, overrides)), []
    assert checked_request(line, Config, warnings.append).overrides == overrides
    assert [text.partition(":")[0] for text in warnings] == ["ema.half_life"]


def test_a_key_that_only_the_experiment_sets_is_said_to_be_its_own():
    names = ["experiment=small_folder", "model=mlp", "dataset=digits"]

    def refused(*overrides):
        line = checked_names(check_command_line("train", Config, [*names, *overrides]))
        with pytest.raises(ConfigError) as caught:
            checked_request(line, Config, lambda _: None)
        return caught.value.problems

    says = "experiment=small_folder sets it, ~model.generator.channels leaves it out (latent_dim, hidden"
    assert any(line.startswith(f"model.generator.channels: no such key; {says}") for line in refused())
    assert not any(says in line for line in refused("model.generator.channels=3"))  # it has been typed
    alone = request._with_origin(  # of a component without options, which can name none
        Problem("model.generator.channels", "no such key"), check_command_line("train", Config, names)
    )
    assert alone.text == "no such key; experiment=small_folder sets it, ~model.generator.channels leaves it out"
    gone = refused("~model.generator.channels")
    assert [line.partition(":")[0] for line in gone] == [
        "model.generator.upsampling",
        "model.discriminator.channels",
        "model.discriminator.norm",
    ]


def test_a_config_without_resume_is_refused_in_words():
    line = check_command_line("train", Config, ["~resume", "output_dir=/proc/x"])
    with pytest.raises(ConfigError, match="output_dir: /proc/x: cannot be written to"):
        refuse(file_problems(line))
    with pytest.raises(ConfigError, match="resume: missing"):
        checked_request(line, Config, lambda _: None)
