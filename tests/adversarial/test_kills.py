"""Sweeps of which random processes are killed and which are started again: their runs end with the same bits.

A process is killed up to three times; none may be, if a sweep is fast. Whether jobs end at once with their sweep is not
checked: the next start waits until none is left, and they may have trained to their end by then.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from processes import command
from same_run import assert_same_run
from tiny import tiny_overrides

from gan_experiments.runs.folder import RunFolder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a sweep in /proc"),
]

EVERY = ("callbacks.checkpoint.every=100", "callbacks.monitor.every=35", "metrics.every=200")
SWEEPS = {
    "dcgan": ("budget.images=800",),
    "vae": ("model=vae", "budget.images=800"),
    "points": (
        "dataset=ring", "dataset.num_points=500", "model.generator.hidden=[8]", "model.discriminator.hidden=[8]",
        "budget.images=1600",
    ),
    "pix2pix": ("model=pix2pix", "task=denoise", "budget.images=200"),
    "two processes": ("trainer=ddp_cpu", "budget.images=400"),
}  # fmt: skip
KILLS = 3


def start(system, folder):
    """Start a sweep into ``folder / "study"``, in ``folder``."""
    overrides = tiny_overrides(*SWEEPS[system], *EVERY)
    if system == "points":  # which has networks and measures of its own
        overrides = [line for line in overrides if ".channels" not in line and ".native" not in line]
    jobs = ("-m", "seed=0,1", "retry=failed", "hydra.sweep.dir=study")
    return command("train", *overrides, *jobs, folder=folder)


def processes(folder):
    """Return the sweep, its server, its jobs and what these have started: all that works in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(path / "cwd") == str(folder) and (path / "stat").read_text().rpartition(")")[2][1] != "Z":
                found.append(int(path.name))
        except OSError:  # it has just ended
            continue
    return sorted(found)


def wait_until_none(folder):
    end = time.monotonic() + 60
    while left := processes(folder):
        assert time.monotonic() < end, f"processes {left} go on without the sweep"
        time.sleep(0.05)


def run_with_kills(system, folder, chance, seconds):
    """Start a sweep until it ends by itself, and kill one of its processes up to ``KILLS`` times; returns who was."""
    killed = []
    for _ in range(KILLS + 1):
        sweep = start(system, folder)
        if len(killed) < KILLS and not sweep.ends_within(chance.uniform(0.1, 1.0) * seconds):
            victim = chance.choice(processes(folder))
            killed.append("sweep" if victim == sweep.pid else "job or server")
            os.kill(victim, signal.SIGKILL)
        code = sweep.wait(300)
        wait_until_none(folder)
        if code == 0:
            return killed
    raise AssertionError(sweep.log.read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder of a sweep that nobody disturbs and the seconds that it takes, once for each system."""
    done = {}

    def make(system):
        if system not in done:
            folder, began = tmp_path_factory.mktemp("whole"), time.monotonic()
            assert start(system, folder).wait(300) == 0
            done[system] = folder / "study", time.monotonic() - began
        return done[system]

    return make


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("system", SWEEPS)
def test_a_sweep_that_is_killed_ends_with_the_same_bits(system, seed, whole, tmp_path):
    undisturbed, seconds = whole(system)
    killed = run_with_kills(system, tmp_path, random.Random(seed), seconds)
    print(f"killed: {', '.join(killed) or 'none, it was too fast'}")
    runs = sorted(path.parent for path in undisturbed.glob("*/record.json"))
    assert len(runs) == 2
    for run in runs:
        again = RunFolder(tmp_path / "study" / run.name)
        assert again.record()["status"] == "finished"
        assert_same_run(RunFolder(run), again)
        assert not list(again.path.rglob("*.tmp"))
