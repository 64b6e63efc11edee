import pytest
from config_view import problems

from gan_experiments.cli import train as command
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import as_markdown, summary
from gan_experiments.training.loggers.mlflow import MLflow
from gan_experiments.training.train import train

LOGGER = {"mlflow": {"_target_": f"{MLflow.__module__}.MLflow"}}


@pytest.fixture(autouse=True)
def mlflow():
    return pytest.importorskip("mlflow", reason="needs mlflow")  # here: to import it takes seconds


@pytest.fixture
def logged(tmp_path, monkeypatch, mlflow):
    """Return the one run that MLflow holds of a folder."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def only():
        client = mlflow.MlflowClient((tmp_path / "study" / "mlruns").as_uri())
        (experiment,) = [each for each in client.search_experiments() if each.name == "study"]
        (run,) = client.search_runs([experiment.experiment_id])
        return client, run

    return only


def test_a_run_that_resumes_is_one_run_with_values_images_and_settings(tiny, tmp_path, logged, mlflow):
    config, run = tiny("budget.images=64", "callbacks.monitor.every=16"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    run.path.mkdir(parents=True)
    run.update_record(overrides=["loss=hinge"])
    train({**config, "budget": {**config["budget"], "images": 32}}, run)
    assert logged()[1].info.status == "FINISHED"
    run.update_record(status="interrupted")
    train(config, run)
    client, known = logged()
    assert (known.info.status, known.info.run_name) == ("FINISHED", "run")
    history = client.get_metric_history(known.info.run_id, "loss/generator")
    assert sorted({metric.step for metric in history}) == [16, 32, 48, 64]
    final = run.record()["final"]
    for name, fields in final.items():
        assert known.data.metrics[f"final/{name}"] == fields["value"]
        for field in fields.keys() - {"value", "higher_is_better"}:
            assert known.data.metrics[f"final/{name}_{field}"] == fields[field]
    assert known.data.params["loss._target_"].startswith("gan_experiments.losses")
    assert known.data.tags["overrides"] == "loss"
    table = mlflow.artifacts.load_text(f"{known.info.artifact_uri}/evaluation.md")
    assert table == as_markdown(run.record())
    images = {item.path for item in client.list_artifacts(known.info.run_id, "samples")}
    assert {"samples/000000000.png", "samples/000000064.png"} <= images


def test_training_goes_on_where_the_service_fails(tiny, tmp_path, mlflow, monkeypatch, caplog):
    asked = []

    def fail(*_, **__):
        asked.append(1)
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(mlflow.MlflowClient, "log_metric", fail)
    config, run = tiny("budget.images=32", "metrics=none"), RunFolder(tmp_path / "study" / "run")
    config["logger"] = LOGGER
    train(config, run)
    assert run.record()["status"] == "finished"
    assert caplog.messages.count("mlflow: nobody answers; training goes on without it") == len(asked) == 1
    assert run.record()["not_logged"] == {"mlflow": "nobody answers"}
    assert "  not logged   mlflow: nobody answers\n" in summary(run)
    monkeypatch.undo()
    run.update_record(status="interrupted")
    train({**config, "budget": {**config["budget"], "images": 64}}, run)
    assert "not_logged" not in {key for key, value in run.record().items() if value}


@pytest.mark.parametrize("uri", ["{}", "file://{}", "sqlite:///{}"])
def test_a_place_that_cannot_be_written_to_is_refused_before_training(call, tmp_path, monkeypatch, uri):
    (tmp_path / "file").touch()
    uri = uri.format(tmp_path / "file" / "mlruns")
    for given, variable in ((f"logger.mlflow.tracking_uri={uri}", ""), ("logger=mlflow", uri)):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", variable)
        code, _, err = call(command, "logger=mlflow", given)
        name = "MLFLOW_TRACKING_URI" if variable else "logger.mlflow.tracking_uri"
        assert (code, f"  {name}: {tmp_path / 'file' / 'mlruns'}: cannot be written to:" in err) == (2, True), err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("uri", ["http://localhost:1", "databricks", "databricks://mine", "uc", "mlruns", None, ""])
def test_a_server_and_a_place_that_can_be_written_to_are_not_refused(uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri or "")
    for given in (uri, None):
        assert problems({"logger": {"mlflow": {"_target_": MLflow, "tracking_uri": given}}}, "logger.mlflow") == []


def test_it_is_refused_where_its_package_is_missing(call, monkeypatch):
    monkeypatch.setattr("gan_experiments.training.loggers.base.find_spec", lambda name: None)
    code, _, err = call(command, "logger=[tensorboard,mlflow]")
    assert (code, "logger.mlflow: mlflow is not installed: pip install 'gan-experiments[mlflow]'" in err) == (2, True)


def test_a_stranger_s_file_cannot_send_values_elsewhere(call, tmp_path):
    (tmp_path / "mine" / "logger").mkdir(parents=True)
    text = f"mlflow:\n  _target_: {MLflow.__module__}.MLflow\n  tracking_uri: http://example.org\n"
    (tmp_path / "mine" / "logger" / "mine.yaml").write_text(text)
    code, _, err = call(command, "--config-dir", "mine", "logger=mine")
    assert (code, "logger.mlflow.tracking_uri: 'http://example.org' is not inside" in err) == (2, True), err
