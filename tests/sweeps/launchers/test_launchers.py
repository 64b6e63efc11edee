"""Every launcher for real: two jobs on it end as the same jobs do alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import preempted
import pytest
import slurm
import torch
from processes import command
from tiny import tiny_overrides

from gan_experiments.config.plugins import not_installed
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder

SWEEP = ("-m", *tiny_overrides("metrics=none"), "hydra.sweep.dir=study")


def needs(launcher):
    lacking = not_installed("hydra/launcher", [launcher])
    return pytest.mark.skipif(lacking is not None, reason=str(lacking))


def start(folder, *overrides, environment=None):
    """Start a sweep in a new process."""
    words = [sys.executable, "-m", "gan_experiments.cli.train", *SWEEP, *overrides]
    with (folder / "output").open("w") as output:
        return subprocess.Popen(words, cwd=folder, stdout=output, stderr=output, env=environment)


def end(process, folder, seconds=600):
    """Wait for a sweep to end well; returns its runs by their seed."""
    assert process.wait(seconds) == 0, (folder / "output").read_text()
    runs = [RunFolder(path.parent) for path in (folder / "study").glob("*/record.json")]
    assert {run.record()["status"] for run in runs} == {"finished"}
    return {run.record()["seed"]: run for run in runs}


def assert_same_weights(run, other):
    one, two = (load_checkpoint(each.checkpoint("last"))["state_dict"] for each in (run, other))
    assert one.keys() == two.keys()
    assert all(torch.equal(value, two[key]) for key, value in one.items())


@pytest.fixture
def assert_as_alone(fit):
    """Compare runs of a sweep with the same jobs in this process."""

    def check(runs, seeds=(0, 1), *overrides):
        assert sorted(runs) == list(seeds)
        for seed, run in runs.items():
            assert_same_weights(run, fit("metrics=none", f"seed={seed}", *overrides, folder=f"alone-{seed}"))

    return check


LOCAL = [
    pytest.param("joblib", ("hydra.launcher.n_jobs=2",), marks=[pytest.mark.joblib, needs("joblib")]),
    pytest.param("submitit_local", (), marks=[pytest.mark.submitit, needs("submitit_local")]),
    pytest.param("ray", (), marks=[pytest.mark.ray, needs("ray")]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("launcher", "options"), LOCAL)
def test_two_jobs_end_as_they_do_alone(tmp_path, assert_as_alone, launcher, options):
    overrides = (*SWEEP, "seed=0,1", f"hydra/launcher={launcher}", *options)
    sweep = command("train", *overrides, folder=tmp_path, log=tmp_path / "output")  # its jobs are new processes
    assert_as_alone(end(sweep, tmp_path))


@pytest.fixture
def cluster(tmp_path):
    """The environment of a SLURM cluster."""
    try:
        with slurm.cluster(tmp_path / "slurm") as environment:
            yield environment
    except slurm.NotUpError as error:
        pytest.skip(str(error))


WAITING = ("+callbacks.wait._target_=preempted.WaitForStop", "trusted=[preempted]", "budget.images=160")


@pytest.mark.slow
@pytest.mark.slurm
@needs("submitit_slurm")
@pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())
def test_preempted_jobs_of_a_cluster_are_requeued_and_end_as_if_they_had_not_been(tmp_path, cluster, assert_as_alone):
    def slurm_says(*words):
        return subprocess.run(words, env=cluster, capture_output=True, text=True, check=True).stdout.split()

    helpers = os.pathsep.join([str(Path(preempted.__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**cluster, "PYTHONPATH": helpers}
    sweep = start(tmp_path, "seed=0,1", *WAITING, "hydra/launcher=submitit_slurm", environment=environment)
    wait_for(lambda: len(list((tmp_path / "study").glob("*/waiting"))) == 2, sweep)
    jobs = sorted(slurm_says("squeue", "--array", "-h", "-o", "%i"))
    slurm_says("scontrol", "requeue", jobs[0])
    slurm_says("scancel", "--signal=USR2", jobs[1])  # as SLURM does some time before a job's time is over
    ended = end(sweep, tmp_path)
    assert all("Restarts=1" in slurm_says("scontrol", "show", "job", job) for job in jobs)
    for run in ended.values():
        assert (run.path / "starts").read_text().split() == ["0", str(preempted.WAITS_AT)]
    assert_as_alone(ended, (0, 1), "budget.images=160")


def wait_for(true, sweep, seconds=300):
    began = time.monotonic()
    while not true():
        assert sweep.poll() is None, "the sweep has ended"
        assert time.monotonic() - began < seconds
        time.sleep(0.1)
