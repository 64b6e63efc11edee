import os

import pytest

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.find import find_runs


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("day/digits-a", "day/digits-b", "study/digits-c", "deep/er/still/mnist", ".hidden/run"):
        (tmp_path / "outputs" / name).mkdir(parents=True)
        (tmp_path / "outputs" / name / "record.json").write_text("{}")
    (tmp_path / "outputs" / "day" / "digits-a" / "wandb" / "files").mkdir(parents=True)
    (tmp_path / "outputs" / "day" / "digits-a" / "wandb" / "files" / "config.yaml").touch()
    (tmp_path / "outputs" / "day" / "digits-notes.txt").touch()
    (tmp_path / "outputs" / "empty").mkdir()


def names(*places):
    return [run.path.name for run in find_runs(places)]


@pytest.mark.usefixtures("outputs")
def test_by_path_below_a_folder_and_by_pattern(tmp_path):
    assert names("outputs") == ["digits-a", "digits-b", "mnist", "digits-c"]
    assert names("outputs/day/digits-b") == ["digits-b"]
    assert names("outputs/*/digits-*") == ["digits-a", "digits-b", "digits-c"]
    assert names("outputs/study", "outputs/*/*-c", str(tmp_path / "outputs" / "day")) == [
        "digits-c",
        "digits-a",
        "digits-b",
    ]


@pytest.mark.usefixtures("outputs")
def test_a_place_without_a_run_is_named():
    with pytest.raises(ConfigError) as error:
        find_runs(["nowhere/*", "outputs/empty", "outputs/day", "outputs/stduy"])
    assert error.value.problems == [
        "runs: nowhere/*: there is no such folder",
        "runs: outputs/empty: there is no run in it",
        "runs: outputs/stduy: there is no such folder; did you mean outputs/study?",
    ]


@pytest.mark.usefixtures("outputs")
def test_links_to_folders_above_do_not_go_round(tmp_path):
    os.symlink(tmp_path / "outputs", tmp_path / "outputs" / "day" / "again")
    assert names("outputs") == ["digits-a", "digits-b", "mnist", "digits-c"]
