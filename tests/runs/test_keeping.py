import os
import zipfile

import pytest

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import HeldError, RunFolder
from gan_experiments.runs.keeping import archive, delete, why_kept

RECORD = {"status": "finished", "overrides": [], "choices": {}}


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "study" / "run")
    folder.samples.mkdir(parents=True)
    folder.update_record(**RECORD)
    folder.write_config({"name": "run", "output_dir": "study", "budget": {"images": 64}, "seed": 0})
    folder.grid(0).write_bytes(b"png")
    return folder


def test_an_archive_holds_every_file_and_the_folder_stays(run, tmp_path):
    archive(run, tmp_path / "archive" / "run.zip")
    with zipfile.ZipFile(tmp_path / "archive" / "run.zip") as packed:
        assert sorted(packed.namelist()) == ["run/config.yaml", "run/record.json", "run/samples/0000000000.png"]
        packed.extractall(tmp_path / "back")
    assert RunFolder(tmp_path / "back" / "run").record() == run.record() == RECORD
    with pytest.raises(ConfigError, match=r"run\.zip exists"):
        archive(run, tmp_path / "archive" / "run.zip")


def test_a_deleted_run_is_gone_and_nothing_else_is(run):
    (run.path.parent / "notes.txt").touch()
    os.symlink(run.path.parent / "notes.txt", run.path / "link")
    delete(run)
    assert [path.name for path in run.path.parent.iterdir()] == ["notes.txt"]


def test_what_was_cut_off_while_it_was_deleted_still_has_its_record(run, monkeypatch):
    def fail(*_):
        raise OSError("cut off")

    monkeypatch.setattr("shutil.rmtree", fail)
    with pytest.raises(OSError, match="cut off"):
        delete(run)
    assert run.record() == RECORD
    monkeypatch.undo()
    delete(run)
    assert not run.path.exists()


def test_a_run_that_is_being_trained_stays(run, tmp_path):
    with run.lock():
        assert why_kept(run) == "is being trained"
        with pytest.raises(ConfigError, match="is being trained; it is not deleted"):
            delete(run)
        with pytest.raises(HeldError):
            archive(run, tmp_path / "run.zip")
    assert run.grid(0).exists()
    assert not (tmp_path / "run.zip").exists()


def test_a_run_of_another_machine_stays_until_it_has_been_quiet(run):
    run.update_record(status="running", host="elsewhere")
    assert "elsewhere" in why_kept(run)
    for path in run.path.rglob("*"):
        os.utime(path, (0, 0))
    assert why_kept(run) is None


@pytest.mark.parametrize("text", [None, "{}", "{half", '{"status": "mine"}', '{"status": "finished"}'])
def test_a_folder_without_a_record_of_ours_stays(run, text):
    run.record_file.unlink() if text is None else run.record_file.write_text(text)
    with pytest.raises(ConfigError, match="no record of a run"):
        delete(run)
    assert run.grid(0).exists()


@pytest.mark.parametrize("text", [None, "{}", "- a", "{half", "name: mine\nseed: 1"])
def test_a_folder_without_a_config_of_ours_stays(run, text):
    (run.path / "data").mkdir()
    (run.path / "data" / "thesis.tex").touch()
    run.config_file.unlink() if text is None else run.config_file.write_text(text)
    with pytest.raises(ConfigError, match="no config of a run"):
        delete(run)
    assert (run.path / "data" / "thesis.tex").exists()


def test_the_folder_that_one_is_in_is_archived_and_deleted(run, monkeypatch):
    monkeypatch.chdir(run.path)
    archive(RunFolder("."), run.path.parent / "run.zip")
    with zipfile.ZipFile(run.path.parent / "run.zip") as packed:
        assert "run/record.json" in packed.namelist()
    delete(RunFolder("."))
    assert [path.name for path in run.path.parent.iterdir()] == ["run.zip"]


def test_no_archive_is_packed_into_itself(run):
    os.symlink(run.samples, run.path.parent / "link")
    for folder in (run.path, run.path / "new", run.path.parent / "link"):
        with pytest.raises(ConfigError, match="lies inside the run folder"):
            archive(run, folder / "run.zip")
    assert not list(run.path.rglob("*.zip*"))


def test_a_link_and_a_folder_with_other_runs_stay(run):
    link = run.path.parent / "link"
    os.symlink(run.path, link)
    assert why_kept(RunFolder(link)) == "is a link to a folder"
    RunFolder(run.path / "below" / "other").update_record(status="finished")
    assert why_kept(run) == "holds other runs"
