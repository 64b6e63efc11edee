import pytest
import quick_wandb

from gan_experiments.cli import train as command
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.loggers.wandb import WeightsAndBiases
from gan_experiments.training.train import train

LOGGER = {"wandb": {"_target_": f"{WeightsAndBiases.__module__}.WeightsAndBiases"}}


@pytest.fixture(autouse=True)
def wandb(monkeypatch):
    quick_wandb.make_quick(monkeypatch)
    return pytest.importorskip("wandb", reason="needs wandb")  # here: to import it takes seconds


def test_a_run_that_resumes_is_one_run_with_values_images_and_settings(tiny, tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    config, run = tiny("budget.images=64", "callbacks.monitor.every=16"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    run.path.mkdir(parents=True)
    run.update_record(overrides=["loss=hinge"])
    train({**config, "budget": {**config["budget"], "images": 32}}, run)
    run.update_record(status="interrupted")
    (run.path / "wandb").rename(run.path / "before")
    monkeypatch.chdir(run.path.parent)
    train(config, RunFolder("run"))  # by a service that was started in another folder
    files = [next((run.path / name).glob("offline-run-*/run-*.wandb")) for name in ("before", "wandb")]
    assert len({file.stem for file in files}) == 1
    first, last = files[0].read_bytes(), files[-1].read_bytes()
    assert b"loss._target_" in first
    assert b"loss/generator" in last
    assert b"final.fid.margin" in last
    assert list((run.path / "wandb").glob("offline-run-*/files/media/images/samples_*.png"))
    tables = list(run.path.glob("*/offline-run-*/files/media/html/evaluation_*.html"))
    assert ["| FID |" in table.read_text() for table in tables] == [True, True]  # it was finished twice


def test_training_goes_on_where_the_service_fails(tiny, tmp_path, wandb, monkeypatch, caplog):
    def fail(**_):
        raise wandb.errors.CommError("nobody answers")

    monkeypatch.setattr(wandb, "init", fail)
    config, run = tiny("budget.images=32", "metrics=none"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    train(config, run)
    assert run.record()["status"] == "finished"
    assert caplog.messages.count("wandb: nobody answers; training goes on without it") == 1


def test_it_is_refused_where_its_package_is_missing(call, monkeypatch):
    monkeypatch.setattr("gan_experiments.training.loggers.base.find_spec", lambda name: None)
    code, _, err = call(command, "logger=[tensorboard,wandb]")
    assert (code, "logger.wandb: wandb is not installed: pip install 'gan-experiments[wandb]'" in err) == (2, True)
