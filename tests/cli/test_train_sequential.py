"""Sequential studies from the command line, with a stand-in for the training that takes no time."""

import json
import sys
from pathlib import Path

import pytest

from gan_experiments.cli import compare, train

TRAINING = """
import json, os, random, sys
from gan_experiments.runs.folder import RunFolder

path, config = json.loads(os.environ["GAN_EXPERIMENTS_WORKER"])
run, loss = RunFolder(path), config["loss"]["_target_"].rpartition(".")[2]
noise = random.Random(f"{loss}{config['seed']}").gauss(0, 1)
fid = {"Hinge": 5.0, "Wasserstein": 20.0}[loss] + noise
measure = {"values": ["fid"], "higher_is_better": {"fid": False}}
known = {"seed": config["seed"], "evaluation": {"samples": 40, "periodic_samples": 40, "features": {"fid": measure}}}
run.metrics_file.write_text(f"images_seen,metrics/fid\\n100,{fid}\\n")
if f"{loss}{config['seed']}" == os.environ.get("CUT_OFF"):
    run.update_record(status="interrupted", images_seen=50, **known)
    sys.exit(143)
run.update_record(status="finished", images_seen=100, budget=config["budget"], final={"fid": {"value": fid}}, **known)
"""
STUDY = (
    "-m", "hydra/sweeper=sequential", "hydra.sweep.dir=study", "loss=hinge,wasserstein",
    "budget.images=100", "hydra.sweeper.baseline=hinge", "hydra.sweeper.max_seeds=9", "hydra.sweeper.first_seeds=6",
    "hydra.sweeper.rounds=2",
)  # fmt: skip


@pytest.fixture
def study(call, monkeypatch, tmp_path):
    (tmp_path / "training.py").write_text(TRAINING)
    monkeypatch.setattr("gan_experiments.api.train._WORKER_PROGRAM", (sys.executable, str(tmp_path / "training.py")))

    def run(*overrides):
        code, out, err = call(train, *STUDY, *overrides)
        return code, out + err

    return run


@pytest.mark.slow
def test_a_study_stops_where_the_answer_is_known_and_goes_on_after_a_kill(study, call, monkeypatch):
    monkeypatch.setenv("CUT_OFF", "Wasserstein4")
    code, told = study()
    assert code == 130, told
    assert json.loads(Path("study/sequential.json").read_text())["looks"] == [6, 9]
    assert "after 6 seeds" not in told
    monkeypatch.delenv("CUT_OFF")
    code, told = study()
    assert code == 0, told
    assert "after 6 seeds: wasserstein is worse than hinge; nothing is open" in told
    assert len(list(Path("study").glob("*/record.json"))) == 12
    assert "loss=wasserstein seed=5" in told

    code, told, _ = call(compare, "study=study")
    assert code == 0
    assert "Against the baseline hinge: wasserstein is worse." in told
    assert "The study was sequential, with looks after 6 and 9 seeds" in told
    code, told = study("hydra.sweeper.max_seeds=12")
    assert code == 2
    assert "looks: [6, 9] in the plan of study, [6, 12] here" in told


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "hydra.sweeper.baseline=hinges",
            "hydra.sweeper.baseline: no arm is called 'hinges' (hinge, wasserstein)",
        ),
        ("hydra.sweeper.max_seeds=3", "hydra.sweeper.first_seeds: 6 are more than the 3"),
        (
            "hydra.sweeper.measure=fdi",
            "hydra.sweeper.measure: no measure of the runs computes 'fdi'; did you mean 'fid'? (fid",
        ),
        ("hydra.sweeper.measure=fid/nowhere", "no measure of the runs computes 'fid/nowhere'; did you mean 'fid'?"),
        (
            "+metrics.measures.entropy._target_=gan_experiments.metrics.diversity.PerceptualDiversity "
            "hydra.sweeper.measure=fid/lpips_diversity",
            "no measure of the runs computes 'fid/lpips_diversity'",
        ),
        (
            "metrics=native,[none,swd] hydra.sweeper.baseline=hinge/native",
            "hydra.sweeper.measure: no measure of some of the runs computes 'fid' (swd, ",
        ),
        ("dataset=ring", "hydra.sweeper.measure: no measure of the runs computes 'fid' ("),
    ],
)
def test_what_cannot_be_compared_is_refused(study, override, problem):
    code, told = study(*override.split(" "))
    assert code == 2
    assert problem in told
    assert not Path("study").exists()
