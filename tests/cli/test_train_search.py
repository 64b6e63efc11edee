"""Searches from the command line, with a stand-in for the training that takes no time."""

import csv
import shlex
import sys
import time
from pathlib import Path

import pytest
from processes import command

from gan_experiments.cli import compare, train
from gan_experiments.runs.folder import RunFolder

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'gan-experiments[optuna]'")
pytestmark = pytest.mark.optuna

# Its curve falls to the distance of the learning rate from 1e-3; it can be stopped, and goes on where it was.
TRAINING = """
import json, math, os, signal, sys, time
from gan_experiments.runs.folder import RunFolder

path, config = json.loads(os.environ["GAN_EXPERIMENTS_WORKER"])
assert "SLURM_NTASKS" not in os.environ
run = RunFolder(path)
rate = config["optimizer"]["generator"]["lr"]
fid = abs(math.log10(rate) + 3) + (config["loss"]["_target_"].endswith("Hinge"))
known = {"seed": config["seed"], "budget": config["budget"], "evaluation": {"samples": 40, "periodic_samples": 40}}
measure = {"values": ["fid"], "higher_is_better": {"fid": False}}
known["evaluation"]["features"] = {"fid": measure}

def end(status, **fields):
    run.update_record(status=status, images_seen=clock, seconds=1.0, images_per_second=1e3 * rate, **known, **fields)
    sys.exit()

def row():
    with run.metrics_file.open("a") as file:
        file.write(f"{clock},{fid + 100 / clock}\\n")

signal.signal(signal.SIGTERM, lambda *_: end("interrupted"))
clock = 0
if os.environ.get("FAULT") == f"{config['seed']}":
    raise RuntimeError("a fault")
if not run.metrics_file.exists():
    run.metrics_file.write_text("images_seen,metrics/fid\\n")
for clock in (100, 200, 300):
    row()
    others = len(list(run.path.parent.glob("*/record.json"))) > 1
    if clock == 200 and others and fid > float(os.environ.get("SLOW_ABOVE", "inf")):
        time.sleep(60)  # until somebody stops it
end("finished", final={"fid": {"value": fid}, "is": {"value": 1.0}})
"""
RATE = "optimizer.generator.lr=tag(log, interval(1e-5, 1e-1))"
SEARCH = (
    "-m",
    "hydra/sweeper=optuna",
    "hydra.sweep.dir=study",
    "hydra.sweeper.startup_trials=2",
    "budget.images=300",
    "metrics.every=100",
)


@pytest.fixture
def search(call, monkeypatch, tmp_path):
    """Run a search; returns exit code, output and its trials."""
    (tmp_path / "training.py").write_text(TRAINING)
    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setattr("gan_experiments.api.train._WORKER_PROGRAM", (sys.executable, str(tmp_path / "training.py")))

    def run(*overrides):
        code, out, err = call(train, *SEARCH, *overrides)
        table = Path("study/trials.csv")
        return code, out + err, list(csv.DictReader(table.open())) if table.exists() else []

    return run


@pytest.mark.slow
def test_a_search_goes_on_and_can_be_compared(search, call):
    code, told, trials = search(RATE, "loss=hinge,wasserstein", "hydra.sweeper.per=[loss]", "hydra.sweeper.n_trials=2")
    assert code == 0, told
    assert len(trials) == 4
    assert "loss=hinge: 2 trials, 2 finished" in told
    for trial in trials:
        run = RunFolder(Path("study") / trial["folder"])
        assert run.read_config()["optimizer"]["generator"]["lr"] == float(trial["optimizer.generator.lr"])
        assert run.record()["final"]["fid"]["value"] == float(trial["fid"])
    code, told, more = search(RATE, "loss=hinge,wasserstein", "hydra.sweeper.per=[loss]", "hydra.sweeper.n_trials=3")
    assert (code, len(more)) == (0, 6)
    assert [row for row in more if row["trial"] != "2"] == trials
    assert "4 skipped" in told
    for line in [line for line in told.splitlines() if line.startswith("to confirm")]:
        code, _, err = call(train, *shlex.split(line.partition("gan-train ")[2]))
        assert code == 0, err
    confirmed = [RunFolder(path.parent).read_config() for path in Path().glob("study-confirmed/loss_*/*/record.json")]
    assert sorted(config["seed"] for config in confirmed) == sorted([1, 2, 3, 4, 5] * 2)
    code, told, _ = call(compare, "study=study-confirmed", "factor=loss", "baseline=wasserstein")
    assert code == 0, "arms are called as they were typed"
    assert "Against the baseline wasserstein: " in told
    assert "hinge" in told
    code, told, _ = call(compare, "study=study", "factor=loss")
    assert code == 0
    assert "Wasserstein" in told or "wasserstein" in told
    assert "Expected best score against number of trials" in Path("study/comparison/report.html").read_text()


def test_a_trial_behind_the_others_is_stopped_and_kept(search, monkeypatch):
    monkeypatch.setenv("SLOW_ABOVE", "1.0")
    code, told, trials = search(
        RATE, "hydra.sweeper.startup_trials=1", "hydra.sweeper.n_trials=5", "hydra.sweeper.seed=2"
    )
    assert code == 0, told
    pruned = [trial for trial in trials if trial["state"] == "pruned"]
    assert pruned
    for trial in pruned:
        record = RunFolder(Path("study") / trial["folder"]).record()
        assert (record["status"], record["reason"]) == ("pruned", trial["reason"])
        assert "worse than the median" in record["reason"]
    assert f"{len(pruned)} pruned" in told


@pytest.mark.slow
def test_a_search_that_is_killed_time_and_again_ends_as_if_it_had_not_been(search, tmp_path):
    def start(folder):
        overrides = [
            *SEARCH,
            RATE,
            "hydra.sweeper.n_trials=6",
            "hydra.sweeper.pruner=none",
            f"hydra.sweep.dir={folder}",
        ]
        return command("train", *overrides, folder=tmp_path)

    def question(folder):
        with Path(folder, "trials.csv").open() as file:
            return [{key: row[key] for key in row if key != "ended"} for row in csv.DictReader(file)]

    assert start("whole").wait() == 0
    for kill_at in (1, 3, 4):
        sweep = start("killed")
        while len(list(Path("killed").glob("*/record.json"))) < kill_at:
            assert sweep.poll() is None
            time.sleep(0.01)
        sweep.kill()
        sweep.wait()
    assert start("killed").wait() == 0
    assert question("killed") == question("whole")


def test_failures_are_named_and_make_the_exit_code(search, monkeypatch):
    monkeypatch.setenv("FAULT", "0")
    code, told, trials = search(RATE, "hydra.sweeper.n_trials=2")
    assert code == 1
    assert [trial["reason"] for trial in trials] == ["RuntimeError: a fault"] * 2
    monkeypatch.delenv("FAULT")
    code, told, trials = search(RATE, "hydra.sweeper.n_trials=2", "retry=failed")
    assert code == 0, told
    assert [trial["state"] for trial in trials] == ["finished"] * 2


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("seed=0",), "nothing to search"),
        ((RATE, "name=mine"), "name: every trial needs its own folder"),
        ((RATE, "loss=hing,wasserstein"), "did you mean 'hinge'"),
        ((RATE, "hydra.sweeper.storage=nonsense"), "hydra.sweeper.storage: 'nonsense' cannot be opened"),
        ((RATE, "hydra.sweeper.objectives=[fdi]", "hydra.sweeper.pruner=none"), "did you mean 'fid'?"),
    ],
)
def test_wrong_input_is_a_line(search, overrides, told):
    code, out, _ = search(*overrides)
    assert code == 2, out
    assert told in out
    assert "Config error: 1 problem" in out


def test_a_search_without_m_is_refused(call):
    code, _, err = call(train, "hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "study=search")
    assert code == 2
    for key in ("hydra/sweeper", "hydra.sweeper.n_trials", "study"):
        assert f"  {key}: belongs to a sweep, which needs -m\n" in err


def test_the_study_of_the_files_is_a_search(call):
    code, out, err = call(train, "study=search", "--cfg", "hydra")
    assert code == 0, err
    assert "OptunaSweeper" in out
