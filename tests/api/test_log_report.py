import csv
import io
import sqlite3
import sys
import zipfile
from importlib.util import find_spec

import pytest
import quick_wandb
import yaml
from synthetic import write_study

from gan_experiments.cli import compare
from gan_experiments.config.files import conf_dir

FIDS = {"hinge": [4.0, 4.2, 4.1, 4.3, 3.9], "wasserstein": [9.0, 9.5, 8.7, 9.9, 9.2]}
ADDRESSES = {"logger.mlflow.tracking_uri": "http://example.org", "logger.wandb.entity": "somebody"}


@pytest.fixture
def study(tmp_path, monkeypatch):
    for name in ("WANDB_MODE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    projects = {"logger.wandb.project": "mine", "logger.mlflow.experiment": "mine"}
    return write_study(tmp_path / "losses", FIDS, config=projects | ADDRESSES)


@pytest.mark.slow
def test_a_report_is_one_run_beside_those_of_its_study(call, study, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="needs wandb")
    quick_wandb.make_quick(monkeypatch)
    mlflow = pytest.importorskip("mlflow", reason="needs mlflow")
    for _ in range(2):
        code, out, err = call(compare, "study=losses", "logger=[wandb,mlflow]")
        assert (code, err) == (0, ""), err
    assert out.splitlines()[-2:] == ["logged  wandb: losses-comparison", "logged  mlflow: losses-comparison"]

    sent = sorted((study / "comparison" / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len({file.stem for file in sent}) == 1, "compared again, it is another run"
    content = sent[-1].read_bytes()
    assert all(text in content for text in (b"losses-comparison", b"hinge ranks first", b"Pairwise tests", b"mine"))
    assert b"report.html" in content
    assert b"runs.csv" in content
    assert wandb.run is None, "the run there goes on"

    client = mlflow.MlflowClient((study / "mlruns").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert (run.info.run_name, run.info.status) == ("losses-comparison", "FINISHED")
    assert "hinge ranks first" in run.data.tags["mlflow.note.content"]
    page = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/report/report.html")
    assert page == (study / "comparison" / "report.html").read_text()
    table = list(csv.reader(io.StringIO(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/tables/Ranking.csv"))))
    assert [row[0] for row in table] == ["arm", "hinge", "wasserstein"]


@pytest.mark.parametrize("name", ["aim", "comet", "trackio"])
def test_the_others_take_it_where_they_are_installed(name, call, study, tmp_path, monkeypatch):
    if find_spec({"comet": "comet_ml"}.get(name, name)) is None:
        pytest.skip(f"needs {name}")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.delenv("COMET_START_ONLINE", raising=False)
    for _ in range(2):
        code, out, err = call(compare, "study=losses", f"logger={name}")
        assert code == 0, err
        assert f"logged  {name}: losses-comparison" in out
    if name == "comet":
        with zipfile.ZipFile(sorted((study / "comparison" / "comet").glob("*.zip"))[0]) as packed:
            sent = packed.read("messages.json").decode()
            assert all(text in sent for text in ("hinge ranks first", "report.html", "Pairwise tests.csv"))
    elif name == "aim":
        (kept,) = (study / ".aim_artifacts").iterdir()
        assert {"report.html", "report.md", "runs.csv"} <= {file.name for file in kept.iterdir()}
    elif str(sys.modules["trackio"].TRACKIO_DIR) == str(tmp_path / "trackio"):  # read when it is imported
        with sqlite3.connect(tmp_path / "trackio" / "gan_experiments.db") as opened:
            names = {name for (name,) in opened.execute("SELECT run_name FROM metrics")}
        assert [name.rpartition("-")[0] for name in names] == ["losses-comparison"]


def test_a_service_that_fails_leaves_the_report_written(call, study, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs mlflow")

    def fail(*_, **__):
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(mlflow.MlflowClient, "log_artifact", fail)
    code, _, err = call(compare, "study=losses", "logger=mlflow")
    assert (code, err) == (1, "logger: mlflow: nobody answers; the report is written, but not logged there\n")
    assert (study / "comparison" / "report.html").exists()


def test_it_is_refused_before_anything_is_written(call, study, monkeypatch):
    monkeypatch.setattr("gan_experiments.training.loggers.base.find_spec", lambda name: None)
    code, _, err = call(compare, "study=losses", "logger=[wandb,aim]")
    assert (code, "Config error: 2 problems" in err, "pip install 'gan-experiments[aim]'" in err) == (2, True, True)
    code, _, err = call(compare, "study=losses", "logger=wandbb")
    assert (code, "wandb" in err) == (2, True)
    assert not (study / "comparison").exists()


def test_every_service_that_runs_are_logged_to_takes_reports():
    from gan_experiments.api.log_report import SERVICES

    files = [file for file in (conf_dir() / "logger").glob("*.yaml") if file.stem not in ("none", "tensorboard")]
    targets = {file.stem: yaml.safe_load(file.read_text())[file.stem]["_target_"] for file in files}
    assert targets == {name: f"{logger.__module__}.{logger.__qualname__}" for name, logger in SERVICES.items()}
