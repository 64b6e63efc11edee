import time

import processes
import pytest
import torch
from misbehaving import DIVERGES, EXITS, KILLED, RAISES
from tiny import tiny_overrides

from gan_experiments.core.types import DivergedError
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import read_metrics
from gan_experiments.training.train import train

JOBS = 20
OVERRIDES = (
    *("-m", f"seed=range(0,{JOBS})", "hydra.sweep.dir=study"),
    *tiny_overrides("model=mlp", "model.generator.hidden=[8]", "model.discriminator.hidden=[8]"),
    *("+callbacks.misbehave._target_=misbehaving.Misbehave", "trusted=[misbehaving]"),
)


@pytest.fixture
def launch(tmp_path):
    """Start the sweep; what still runs at the end is killed."""
    launched = []

    def start(*overrides):
        log = tmp_path / f"launch{len(launched)}.txt"
        launched.append(processes.command("train", *OVERRIDES, *overrides, folder=tmp_path, log=log))
        return launched[-1]

    yield start
    for process in launched:
        if process.poll() is None:
            process.kill()
            process.wait()


def end(process):
    """Wait for the end of a launch; returns its exit code and its output."""
    return process.wait(900), process.log.read_text()


@pytest.mark.slow
def test_a_sweep_to_which_everything_happens_ends_as_if_nothing_had(launch, tmp_path):
    study = tmp_path / "study"
    one, other = launch(), launch()  # of the same study
    wait_for(study, 4)
    one.kill()
    wait_for(study, 8)
    other.kill()
    one.wait()
    other.wait()
    (_, told), (code, _) = [end(process) for process in (launch(), launch())]
    assert "failed" in told
    assert "20 jobs" in told
    runs = sorted((RunFolder(path.parent) for path in study.glob("*/config.yaml")), key=seed)
    assert [seed(run) for run in runs] == list(range(JOBS))
    failed = {seed(run): run.record()["reason"] for run in runs if run.record()["status"] == "failed"}
    assert failed == {
        RAISES: "RuntimeError: a fault",
        EXITS: "SystemExit: an exit",
        KILLED: "killed by SIGKILL (out of memory?)",
    }
    assert code == 1
    code, told = end(launch("retry=failed"))
    assert code == 0, told
    assert "20 jobs: 16 skipped, 3 finished, 1 diverged" in told
    attempts = [len((run.path / "attempts").read_text().split()) for run in runs]
    assert sum(attempts) <= JOBS + 2 + 4  # a job for each launch that was killed, and those that were tried again
    for run in runs:
        assert_as_alone(run, RunFolder(tmp_path / "alone" / run.path.name))


def assert_as_alone(run, alone):
    """Train the run again, in one process with all the others, undisturbed; compare every figure and every weight."""
    alone.path.mkdir(parents=True)
    (alone.path / "misbehaved").touch()
    alone.write_config(run.read_config())
    if seed(run) == DIVERGES:
        with pytest.raises(DivergedError):
            train(run.read_config(), alone)
    else:
        train(run.read_config(), alone)
        one, two = (load_checkpoint(each.checkpoint("last"))["state_dict"] for each in (run, alone))
        assert all(torch.equal(value, two[key]) for key, value in one.items())
    assert run.record()["status"] == alone.record()["status"]
    for key in ("final", "best", "reason", "images_seen", "steps"):
        assert run.record().get(key) == alone.record().get(key), key
    assert logged(run) == logged(alone)


def logged(run):
    columns, table = read_metrics(run)
    kept = [index for index, name in enumerate(columns) if not name.startswith("speed/")]
    return [{columns[index]: row[index] for index in kept} for row in table]


def seed(run):
    return run.read_config()["seed"]


def wait_for(study, finished):
    give_up = time.monotonic() + 900
    while time.monotonic() < give_up:
        records = [RunFolder(path.parent).record() for path in study.glob("*/record.json")]
        if sum(record.get("status") == "finished" for record in records) >= finished:
            return
        time.sleep(0.2)
    raise AssertionError("the sweep does not get on")
