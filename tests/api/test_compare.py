"""``compare`` with runs of the API, beside the command."""

import json

import pytest
from synthetic import write_study

import gan_experiments
from gan_experiments.cli import compare as command


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "losses", {"hinge": [4.0, 4.2, 4.1], "wasserstein": [9.0, 9.5, 8.7]})


def test_runs_and_folders_give_what_the_command_gives(study, call):
    code, _, err = call(command, "study=losses", "baseline=hinge", "measure=is")
    assert code == 0, err
    verdict = json.loads((study / "comparison" / "comparison.json").read_text())["verdict"]
    folders = sorted(file.parent for file in study.glob("*/record.json"))
    runs = [gan_experiments.load_run(folder) for folder in folders]
    compare = gan_experiments.compare
    for source in (study, str(study), folders, runs):
        comparison = compare(source, baseline="hinge", measure="is")
        assert isinstance(comparison, gan_experiments.Comparison)
        assert repr(comparison).splitlines() == verdict


def test_a_single_run_is_refused(study):
    run = gan_experiments.load_run(next(study.glob("*/record.json")).parent)
    with pytest.raises(gan_experiments.ConfigError, match="is one run; a study is the folder above"):
        gan_experiments.compare(run)


def test_a_study_in_the_home_folder_is_found(study, monkeypatch):
    monkeypatch.setenv("HOME", str(study.parent))
    assert len(gan_experiments.compare("~/losses").arms) == 2
    runs = [f"~/losses/{file.parent.name}" for file in study.glob("*/record.json")]
    assert len(gan_experiments.compare(runs).arms) == 2
