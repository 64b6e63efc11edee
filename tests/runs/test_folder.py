import errno
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock
from processes import Forked

from gan_experiments.core.types import ConfigError
from gan_experiments.runs import folder
from gan_experiments.runs.folder import HeldError, RunFolder, is_main_process
from gan_experiments.runs.initial import find_source


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    def said(path):
        with pytest.raises(ConfigError) as caught:
            RunFolder(path).read_config()
        return str(caught.value)

    assert said(tmp_path / "none") == f"{tmp_path / 'none'}: not a run folder: there is no such folder"
    assert said(tmp_path) == f"{tmp_path}: not a run folder: config.yaml is missing"
    run = RunFolder(tmp_path / "day" / "run")
    run.write_config({"seed": 1})
    for path in (tmp_path, tmp_path / "day"):
        assert said(path).endswith(f"config.yaml is missing; the newest run in it is {run.path}")


def test_a_file_of_a_run_is_not_its_folder(tmp_path):
    run = RunFolder(tmp_path)
    run.config_file.write_text("seed: 1")
    run.checkpoint("last").parent.mkdir()
    run.checkpoint("last").write_bytes(b"")
    with pytest.raises(ConfigError, match=rf"last.ckpt is a file; give the run's folder, {tmp_path}$"):
        RunFolder(run.checkpoint("last")).read_config()


@pytest.mark.parametrize("is_there", [True, False])
def test_networks_of_other_code_are_imported(tmp_path, is_there):
    file = tmp_path / "ffhq.pkl"
    if is_there:
        file.touch()
    with pytest.raises(ConfigError, match=rf"gan-import {file} output=FOLDER, then init_from=FOLDER$"):
        RunFolder(file).read_config()
    with pytest.raises(ConfigError, match=rf"gan-import {file} output=FOLDER, then init_from=FOLDER$"):
        find_source(str(file))


MALFORMED = ["a: 2026-13-45", "a: 2026-01-01 99:99:99", "? [1]\n: 2", "[" * 5000, "{a: " * 5000, "a: !!int x", "&a [*a"]


@pytest.mark.parametrize("text", ["{", "- a", "\x00", "!!python/object/apply:os.system ['false']", *MALFORMED])
def test_a_config_that_is_none_is_refused(tmp_path, text):
    run = RunFolder(tmp_path)
    run.config_file.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        run.read_config()


def test_a_record_keeps_what_is_not_updated(tmp_path):
    run = RunFolder(tmp_path)
    run.update_record(status="running", seed=1)
    run.update_record(status="finished")
    assert run.record() == {"status": "finished", "seed": 1}
    run.record_file.write_text("{half")
    assert run.record() == {}


def test_processes_that_add_to_a_record_at_once_lose_nothing(tmp_path):
    run = RunFolder(tmp_path)
    run.update_record(status="finished")

    def add(process):
        for number in range(20):
            run.add_evaluation(f"{process}-{number}", {"final": {}})
            run.update_record(**{f"field-{process}": number})

    processes = [Forked(partial(add, process), tmp_path / f"{process}.log") for process in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    record = run.record()
    assert record["evaluations"].keys() == {f"{process}-{number}" for process in "ab" for number in range(20)}
    assert (record["status"], record["field-a"], record["field-b"]) == ("finished", 19, 19)


def test_a_record_is_written_where_files_cannot_be_locked(tmp_path, monkeypatch):
    monkeypatch.setattr(folder.FileLock, "acquire", lambda *_, **__: (_ for _ in ()).throw(OSError(37, "No locks")))
    with pytest.warns(UserWarning, match="without a lock: .*No locks"):
        RunFolder(tmp_path).add_evaluation("a", {"x": 1})
    assert RunFolder(tmp_path).record()["evaluations"] == {"a": {"x": 1}}


def test_a_process_that_keeps_the_lock_of_a_record_delays_it_only(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "_PATIENCE", 0.05)
    run = RunFolder(tmp_path)
    with FileLock(run.record_lock_file), pytest.warns(UserWarning, match="without a lock"):
        run.update_record(seed=3)
    assert run.record() == {"seed": 3}


def test_a_rerun_is_put_beside(tmp_path):
    run = RunFolder(tmp_path / "a")
    run.path.mkdir()
    assert run.beside().path.name == "a-2"
    run.beside().path.mkdir()
    assert run.beside().path.name == "a-3"


HOLD = """
import sys
from gan_experiments.runs.folder import RunFolder

with RunFolder(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_processes_do_not_train_one_run_and_a_dead_one_lets_go(tmp_path):
    command = [sys.executable, "-c", HOLD, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        assert RunFolder(tmp_path).held()
        with pytest.raises(HeldError, match="another process"), RunFolder(tmp_path).lock():
            pass
        process.kill()
    assert not RunFolder(tmp_path).held()
    with RunFolder(tmp_path).lock():
        pass


@pytest.mark.parametrize(
    ("variables", "main"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"RANK": "8", "LOCAL_RANK": "0"}, False),
        ({"SLURM_PROCID": "3"}, False),
    ],
)
def test_the_first_process_is_known_before_they_have_met(monkeypatch, variables, main):
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_main_process() is main


PLACES = {
    "below a file": lambda folder: folder / "file" / "outputs",
    "a file": lambda folder: folder / "file",
    "a device": lambda folder: Path("/dev/null"),
    "below a device": lambda folder: Path("/dev/null/outputs"),
    "below a link to nothing": lambda folder: folder / "link" / "outputs",
    "a name too long": lambda folder: folder / ("x" * 300),
    "a path too long": lambda folder: folder.joinpath(*["x" * 200] * 30),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_where_no_folder_can_be_made_is_refused(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError, match=r"^output_dir: .*: cannot be written to: "):
        RunFolder(PLACES[place](tmp_path)).check_place()
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}


def test_a_folder_in_the_place_of_the_record_is_refused(tmp_path):
    (tmp_path / "run" / "record.json").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"record\.json: is a folder"):
        RunFolder(tmp_path / "run").check_place()


def test_a_place_without_permission_is_refused(tmp_path, monkeypatch):
    RunFolder(tmp_path / "a" / "b").check_place()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(ConfigError, match=f"no permission to write to {tmp_path}"):
        RunFolder(tmp_path / "a" / "b").check_place()


@pytest.mark.skipif(os.name != "posix", reason="of fcntl")
def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(ConfigError, match="its file system has no locks"), RunFolder(tmp_path).lock():
        pass
