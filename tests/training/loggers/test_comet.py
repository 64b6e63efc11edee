"""Against a stand-in with the parts of Comet's API that are used; and Comet itself, offline, where it is installed."""

import json
import sys
import zipfile
from importlib.util import find_spec
from types import ModuleType

import pytest

from gan_experiments.cli import train as command
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.loggers.comet import Comet
from gan_experiments.training.train import train

LOGGER = {"comet": {"_target_": f"{Comet.__module__}.Comet"}}


class Experiment:
    """Comet's experiment: what was logged, in order."""

    def __init__(self, options):
        self.options, self.calls = options, []

    def log_metrics(self, dic, prefix=None, step=None, epoch=None):
        self.calls += [("metric", name, step, value) for name, value in dic.items()]

    def log_image(self, image_data, name=None, overwrite=False, image_format="png", step=None):
        self.calls.append(("image", name, step, image_data.shape))

    def log_parameters(self, parameters, prefix=None, step=None):
        self.calls += [("parameter", name, step, value) for name, value in parameters.items()]

    def log_other(self, key, value):
        self.calls.append(("other", key, None, value))

    def log_others(self, dictionary):
        self.calls += [("other", key, None, value) for key, value in dictionary.items()]

    def end(self):
        self.calls.append(("end", None, None, None))


@pytest.fixture
def experiments(monkeypatch):
    """Return the experiments that are begun."""
    begun = []

    def start(**options):
        assert len(options["experiment_key"]) == 32
        begun.append(Experiment(options))
        return begun[-1]

    module = ModuleType("comet_ml")
    module.start, module.ExperimentConfig = start, dict
    monkeypatch.setitem(sys.modules, "comet_ml", module)
    monkeypatch.setattr("gan_experiments.training.loggers.base.find_spec", lambda name: "there")
    monkeypatch.delenv("COMET_START_ONLINE", raising=False)
    return begun


def test_a_run_that_resumes_is_one_experiment_with_values_images_and_settings(tiny, tmp_path, experiments, monkeypatch):
    config, run = tiny("budget.images=64", "callbacks.monitor.every=16"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    run.path.mkdir(parents=True)
    run.update_record(overrides=["loss=hinge"])
    train({**config, "budget": {**config["budget"], "images": 32}}, run)
    run.update_record(status="interrupted")
    monkeypatch.setenv("COMET_START_ONLINE", "1")
    train(config, run)
    first, second = experiments
    assert first.options["experiment_key"] == second.options["experiment_key"]
    assert (first.options["online"], second.options["online"]) == (False, True)
    assert first.options["mode"] == "get_or_create"
    assert first.options["experiment_config"]["offline_directory"] == str(run.path / "comet")
    calls = [*first.calls, *second.calls]
    assert [call[2] for call in calls if call[:2] == ("metric", "loss/generator")] == [16, 32, 48, 64]
    for name, fields in run.record()["final"].items():
        assert ("metric", f"final/{name}", 64, fields["value"]) in calls
        for field in fields.keys() - {"value", "higher_is_better"}:
            assert ("metric", f"final/{name}_{field}", 64, fields[field]) in calls
    assert any(call[:2] == ("parameter", "loss._target_") for call in calls)
    assert ("other", "overrides", None, "loss") in calls
    assert {call[2] for call in calls if call[:2] == ("image", "samples")} >= {0, 64}
    assert first.calls[-1][0] == second.calls[-1][0] == "end"


@pytest.mark.skipif(find_spec("comet_ml") is None, reason="needs comet_ml")
def test_it_does_the_same_offline_with_comet_itself(tiny, tmp_path, monkeypatch):
    monkeypatch.delenv("COMET_START_ONLINE", raising=False)
    config, run = tiny("budget.images=32", "callbacks.monitor.every=16"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    train(config, run)
    (file,) = (run.path / "comet").glob("*.zip")
    with zipfile.ZipFile(file) as packed:
        text = packed.read("messages.json").decode()
    payloads = [json.loads(line)["payload"] for line in text.splitlines()]
    names = {payload["metric"]["metricName"] for payload in payloads if "metric" in payload}
    assert {"loss/generator", "final/fid", "final/fid_margin"} <= names
    assert any(payload.get("additional_params", {}).get("figName") == "samples" for payload in payloads)


def test_training_goes_on_where_the_service_fails(tiny, tmp_path, experiments, monkeypatch, caplog):
    def fail(**_):
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(sys.modules["comet_ml"], "start", fail)
    config, run = tiny("budget.images=32", "metrics=none"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    train(config, run)
    assert run.record()["status"] == "finished"
    assert caplog.messages.count("comet: nobody answers; training goes on without it") == 1


def test_it_is_refused_where_its_package_is_missing(call, monkeypatch):
    monkeypatch.setattr("gan_experiments.training.loggers.base.find_spec", lambda name: None)
    code, _, err = call(command, "logger=[tensorboard,comet]")
    assert (code, "logger.comet: comet_ml is not installed: pip install 'gan-experiments[comet]'" in err) == (2, True)
