"""A run that is killed at any point at which it touches the disk, and resumed, ends as if it had not been."""

import os
import shutil
import sys
import threading
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from same_run import assert_same, assert_same_run
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tiny import tiny_overrides

from gan_experiments.api.compose import compose_request
from gan_experiments.api.train import train_request
from gan_experiments.config.schema import Config
from gan_experiments.runs.folder import RunFolder

SYSTEMS = {
    "gan": (),
    "vae": ("model=vae",),
    "ring": ("dataset=ring", "dataset.num_points=500", "model.generator.hidden=[8]", "model.discriminator.hidden=[8]"),
}
RESULTS = ("status", "images_seen", "steps", "final", "margins", "best", "real_baseline", "evaluation", "parameters")
TOUCHES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.chmod", "os.truncate"}

_listening = []


@cache
def _hear_from_now_on():
    """Begin to hear what Python does, where a test asks for it: it cannot be ended, and slows everything down."""
    sys.addaudithook(lambda event, arguments: _listening and _listening[-1](event, arguments))


class CrashPoints:
    """Copies of a run folder, as kills before and after whatever touches the disk would leave it."""

    def __init__(self, run, folder):
        self.names = []
        self._run, self._folder = run, folder
        self._sizes = {}
        self._busy = False

    @contextmanager
    def listening(self, monkeypatch):
        fsync = os.fsync

        def watched(descriptor):
            self._copy("before fsync")
            fsync(descriptor)
            self._copy("after fsync")

        monkeypatch.setattr(os, "fsync", watched)
        _hear_from_now_on()
        _listening.append(self._hear)
        try:
            yield
        finally:
            _listening.pop()
            monkeypatch.undo()
        self._copy("end")

    def _hear(self, event, arguments):
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in TOUCHES or writes) and str(self._run) in str(arguments):
            self._copy(f"before {event} {Path(str(arguments[0])).name}")

    def _copy(self, name):
        if self._busy or not self._run.exists() or threading.current_thread() is not threading.main_thread():
            return
        self._busy = True
        sizes = {path: (path.stat().st_ino, path.stat().st_size) for path in self._run.rglob("*") if path.is_file()}
        for path, (inode, size) in sizes.items():  # what has been appended to: cut in the middle of that as well
            before = self._sizes.get(path)
            if before and before[0] == inode and before[1] < size:
                torn = self._keep(f"inside a write to {path.name}") / path.relative_to(self._run)
                os.truncate(torn, (before[1] + size) // 2)
        self._sizes = sizes
        self._keep(name)
        self._busy = False

    def _keep(self, name):
        copy = self._folder / str(len(self.names)) / self._run.relative_to(self._run.parents[1])
        shutil.copytree(self._run, copy)
        self.names.append(f"{len(self.names)} {name}")
        return copy


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_run_that_is_killed_ends_with_the_same_bits(system, share, tmp_path, monkeypatch):
    overrides = tiny_overrides(*SYSTEMS[system], "name=run", f"output_dir={tmp_path / 'whole'}")
    if system == "ring":  # which has networks and measures of its own
        overrides = [line for line in overrides if ".channels" not in line and ".native" not in line]
    request = compose_request("train", Config, overrides)
    whole = tmp_path / "whole" / date.today().isoformat() / "run"
    points = CrashPoints(whole, tmp_path)
    with points.listening(monkeypatch):
        train_request(request)
    assert len(points.names) > 60
    failed = {}
    for name in share(points.names):
        folder = tmp_path / name.split()[0]
        run, _ = train_request(request._replace(config=request.config | {"output_dir": str(folder)}))
        try:
            assert_same_end(RunFolder(whole), run)
        except AssertionError as error:
            failed[name] = str(error).splitlines()[0]
    assert not failed


def assert_same_end(whole, resumed):
    assert_same_run(whole, resumed)
    for key in RESULTS:
        assert_same(whole.record().get(key), resumed.record().get(key), f"record.{key}")
    assert logged(whole) == logged(resumed)
    assert not list(resumed.path.rglob("*.tmp"))


def logged(run):
    """Return all that is in the TensorBoard events of a run but speed: names, steps, values."""
    events = []
    for path in run.path.glob("events.out.tfevents.*"):
        for raw in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(raw)
            values = [value for value in event.summary.value if not value.tag.startswith("speed/")]
            events += [(value.tag, event.step, value.SerializeToString()) for value in values]
    return sorted(events)
