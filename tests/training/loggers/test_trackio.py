import json
import sqlite3

import pytest

from gan_experiments.cli import train as command
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.loggers.trackio import Trackio
from gan_experiments.training.train import train

LOGGER = {"trackio": {"_target_": f"{Trackio.__module__}.Trackio", "project": "mine"}}


@pytest.fixture
def storage(tmp_path_factory, monkeypatch):
    """Return the folder that trackio, which reads it when it is imported, keeps its projects in."""
    folder = tmp_path_factory.mktemp("trackio")
    monkeypatch.setenv("TRACKIO_DIR", str(folder))
    trackio = pytest.importorskip("trackio", reason="needs trackio")
    if str(trackio.TRACKIO_DIR) != str(folder):
        pytest.skip("trackio has been imported before, with another folder")
    return folder


def test_a_run_that_resumes_is_one_run_with_values_images_and_settings(tiny, tmp_path, storage):
    config, run = tiny("budget.images=64", "callbacks.monitor.every=16"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    run.path.mkdir(parents=True)
    run.update_record(overrides=["loss=hinge"])
    run.write_config(config)
    train({**config, "budget": {**config["budget"], "images": 32}}, run)
    run.update_record(status="interrupted")
    train(config, run)
    (database,) = storage.glob("mine*.db")
    with sqlite3.connect(database) as opened:
        rows = opened.execute("SELECT run_name, step, metrics FROM metrics ORDER BY step").fetchall()
        ((settings,),) = opened.execute("SELECT config FROM configs").fetchall()
    assert len({name for name, _, _ in rows}) == 1
    logged = [(step, json.loads(values)) for _, step, values in rows]
    assert sorted({step for step, values in logged if "loss/generator" in values}) == [16, 32, 48, 64]
    for name, fields in run.record()["final"].items():
        assert [values[f"final/{name}"] for step, values in logged if f"final/{name}" in values][-1] == fields["value"]
        for field in fields.keys() - {"value", "higher_is_better"}:
            assert any(values.get(f"final/{name}_{field}") == fields[field] for _, values in logged)
    assert json.loads(settings)["loss._target_"].startswith("gan_experiments.losses")
    assert list(storage.rglob("*.png"))


def test_it_is_refused_where_its_package_is_missing(call, monkeypatch):
    monkeypatch.setattr("gan_experiments.training.loggers.base.find_spec", lambda name: None)
    code, _, err = call(command, "logger=[tensorboard,trackio]")
    text = "logger.trackio: trackio is not installed: pip install 'gan-experiments[trackio]'"
    assert (code, text in err) == (2, True)
