import pytest

from gan_experiments.api.request import checked_names, checked_request, missing_files, refuse
from gan_experiments.config.command_schemas import EvaluateConfig
from gan_experiments.config.compose import check_command_line
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError


def test_a_request_says_what_was_asked_for():
    line = checked_names(check_command_line("train", Config, ["loss=hinge", "seed=2"]))
    request = checked_request(line, Config, pytest.fail)
    assert request.overrides == ["loss=hinge", "seed=2"]
    assert (request.choices["loss"], request.config["seed"]) == ("hinge", 2)


def test_what_is_only_shown_may_lack_values_and_name_sweeps():
    line = check_command_line("train", Config, ["study=losses"])
    with pytest.raises(ConfigError, match="belongs to a sweep"):
        checked_names(line)
    assert checked_names(line, partial=True).choices["study"] == "losses"
    with pytest.raises(ConfigError, match="study: belongs to a sweep, which needs -m"):
        checked_names(check_command_line("train", Config, ["study=[losses,penalties]"]))


def test_files_of_a_dataset_of_the_users_own_are_not_looked_for(tmp_path):
    (tmp_path / "dataset").mkdir()
    for name, target in (("mine", "mine.Data"), ("ours", "gan_experiments.data.datasets.image_folder.ImageFolder")):
        (tmp_path / "dataset" / f"{name}.yaml").write_text(f"_target_: {target}\nroot: ???\n")
    asked = [
        missing_files(check_command_line("train", Config, [f"dataset={name}", "dataset.root=s3://x"], str(tmp_path)))
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
    assert missing_files(line) == problems
    assert missing_files(check_command_line("evaluate", EvaluateConfig, ["run=here"])) == []


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
