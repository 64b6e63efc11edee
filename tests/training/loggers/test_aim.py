"""Against a stand-in that has the parts of Aim's API that are used, or against Aim itself where it is installed."""

import sys
from importlib.util import find_spec
from types import ModuleType

import pytest
from config_view import problems

from gan_experiments.cli import train as command
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.loggers.aim import Aim
from gan_experiments.training.train import train

LOGGER = {"aim": {"_target_": f"{Aim.__module__}.Aim"}}


MADE = {}


class Repo:
    """Aim's repository: runs by their hash."""

    def __init__(self, path):
        self.path, self.runs = path, {}

    @classmethod
    def from_path(cls, path, *, init=False):
        assert init
        return MADE.setdefault(path, cls(path))

    def run_exists(self, run_hash):
        return run_hash in self.runs


class Run:
    """Aim's run: series by name, and settings by key."""

    def __init__(
        self,
        run_hash=None,
        *,
        repo=None,
        read_only=False,
        experiment=None,
        force_resume=False,
        system_tracking_interval=10,
        log_system_params=False,
        capture_terminal_logs=True,
    ):
        assert run_hash is None or repo.run_exists(run_hash)
        self.hash = run_hash or f"{len(repo.runs):024x}"
        self._data = repo.runs.setdefault(self.hash, {"series": {}, "settings": {}, "experiment": experiment})

    def track(self, value, name=None, step=None, epoch=None, *, context=None):
        self._data["series"].setdefault(name, []).append((step, value))

    def __setitem__(self, key, value):
        self._data["settings"][key] = value

    def close(self):
        self._data["closed"] = True


class Image:
    """Aim's image, made of one of Pillow's."""

    def __init__(self, image, caption="", format=None, quality=90, optimize=False):
        self.size = image.size


@pytest.fixture
def aim(monkeypatch):
    module = ModuleType("aim")
    module.Repo, module.Run, module.Image = Repo, Run, Image
    monkeypatch.setitem(sys.modules, "aim", module)
    MADE.clear()
    monkeypatch.setattr("gan_experiments.training.loggers.base.find_spec", lambda name: "there")
    return module


def test_a_run_that_resumes_is_one_run_with_values_images_and_settings(tiny, tmp_path, aim):
    config, run = tiny("budget.images=64", "callbacks.monitor.every=16"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    run.path.mkdir(parents=True)
    run.update_record(overrides=["loss=hinge"])
    train({**config, "budget": {**config["budget"], "images": 32}}, run)
    run.update_record(status="interrupted")
    train(config, run)
    (repo,) = MADE.values()
    (logged,) = repo.runs.values()
    assert (repo.path, logged["experiment"], logged["closed"]) == (str(tmp_path / "study"), "study", True)
    assert [step for step, _ in logged["series"]["loss/generator"]] == [16, 32, 48, 64]
    for name, fields in run.record()["final"].items():
        assert logged["series"][f"final/{name}"][-1] == (64, fields["value"])
        for field in fields.keys() - {"value", "higher_is_better"}:
            assert logged["series"][f"final/{name}_{field}"][-1] == (64, fields[field])
    assert logged["settings"]["config"]["loss"]["_target_"].startswith("gan_experiments.losses")
    assert logged["settings"]["overrides"] == ["loss"]
    assert {step for step, _ in logged["series"]["samples"]} >= {0, 64}


@pytest.mark.skipif(find_spec("aim") is None, reason="needs aim")
def test_it_does_the_same_with_aim_itself(tiny, tmp_path):
    from aim import Repo as Theirs

    config, run = tiny("budget.images=32", "callbacks.monitor.every=16"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    train({**config, "budget": {**config["budget"], "images": 16}}, run)
    run.update_record(status="interrupted")
    train(config, run)
    (folder,) = (tmp_path / "study" / ".aim" / "meta" / "chunks").iterdir()
    meta = Theirs(str(tmp_path / "study")).request_tree("meta", folder.name, read_only=True).collect()["meta"]
    logged = meta["chunks"][folder.name]
    (traces,) = logged["traces"].values()
    assert {"loss/generator", "final/fid", "final/fid_margin", "samples"} <= set(traces)
    assert (traces["loss/generator"]["first_step"], traces["loss/generator"]["last_step"]) == (16, 32)
    assert logged["attrs"]["config"]["loss"]["_target_"].startswith("gan_experiments.losses")


def test_training_goes_on_where_it_fails(tiny, tmp_path, aim, monkeypatch, caplog):
    def fail(*_, **__):
        raise OSError("no space")

    monkeypatch.setattr(Repo, "from_path", fail)
    config, run = tiny("budget.images=32", "metrics=none"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    train(config, run)
    assert run.record()["status"] == "finished"
    assert caplog.messages.count("aim: no space; training goes on without it") == 1


def test_it_is_refused_where_its_package_is_missing(call, monkeypatch):
    monkeypatch.setattr("gan_experiments.training.loggers.base.find_spec", lambda name: None)
    code, _, err = call(command, "logger=aim")
    assert (code, "logger.aim: aim is not installed: pip install 'gan-experiments[aim]'" in err) == (2, True)


def test_a_repository_that_cannot_be_written_to_is_refused_before_training(call, aim, tmp_path):
    (tmp_path / "file").touch()
    code, _, err = call(command, "logger=aim", f"logger.aim.repo={tmp_path / 'file'}")
    assert (code, f"  logger.aim.repo: {tmp_path / 'file'}: cannot be written to:" in err) == (2, True), err
    for repo in ("aim://localhost:1", str(tmp_path), None):
        assert problems({"logger": {"aim": {"_target_": Aim, "repo": repo}}}, "logger.aim") == []


def test_a_stranger_s_file_cannot_write_elsewhere(call, tmp_path):
    (tmp_path / "mine" / "logger").mkdir(parents=True)
    text = f"aim:\n  _target_: {Aim.__module__}.Aim\n  repo: /elsewhere\n"
    (tmp_path / "mine" / "logger" / "mine.yaml").write_text(text)
    code, _, err = call(command, "--config-dir", "mine", "logger=mine")
    assert (code, "logger.aim.repo: '/elsewhere' is not inside" in err) == (2, True), err
