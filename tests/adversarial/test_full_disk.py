"""Disks that are full at any size: the command says so in one line, and what was there before stays whole."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from processes import command
from tiny import CLASSIFIER, tiny_overrides

from gan_experiments.api.compose import compose_request
from gan_experiments.api.train import train_request
from gan_experiments.cli import evaluate, sample, train
from gan_experiments.config.schema import Config
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder

resource = pytest.importorskip("resource")

KILOBYTES = (0, 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 4096)
IN_ALL = (4, 16, 64, 128, 256, 384, 512, 640, 768, 1024)


@contextmanager
def files_up_to(size):
    """Let the system refuse to write files larger than ``size`` bytes, as it refuses to write on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_whole(folder):
    """Read everything below a folder of runs that must not be there by half."""
    assert not list(folder.rglob("*.tmp"))
    for path in folder.rglob("*.ckpt"):
        load_checkpoint(path)
    for path in folder.rglob("record.json"):
        RunFolder(path.parent).record()


def assert_said(code, err):
    assert code in (0, 1, 2), err
    assert "Traceback" not in err
    if code:
        assert any(words in err for words in ("Disk full", "cannot be written", "File too large", "No space")), err


@pytest.mark.parametrize("kilobytes", KILOBYTES)
def test_training_says_that_no_file_can_grow(call, tmp_path, monkeypatch, kilobytes):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    arguments = tiny_overrides(f"output_dir={tmp_path / 'out'}", "name=run", "logger=[tensorboard]")
    with files_up_to(kilobytes * 1024):
        code, _, err = call(train, *arguments)
    assert_said(code, err)
    assert_whole(tmp_path)
    if code:  # with space, the same command goes on
        code, _, err = call(train, *arguments)
        assert code == 0, err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    overrides = tiny_overrides("name=run", f"output_dir={tmp_path_factory.mktemp('finished')}")
    run, _ = train_request(compose_request("train", Config, overrides))
    return run.path


USES = {
    "evaluate": (evaluate, "metrics.samples=50", "metrics.batch_size=50", *CLASSIFIER),
    "sample": (sample, "output=grid"),
}


@pytest.mark.parametrize("kilobytes", KILOBYTES)
@pytest.mark.parametrize("use", USES)
def test_what_uses_a_run_says_that_no_file_can_grow(call, finished, tmp_path, use, kilobytes):
    module, *arguments = USES[use]
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    with files_up_to(kilobytes * 1024):
        code, _, err = call(module, f"run={finished}", *arguments)
    assert_said(code, err)
    assert_whole(finished)
    for path, content in before.items():
        assert path.read_bytes() == content or path.name == "record.json"


@pytest.fixture
def disk(tmp_path):
    """Mount a disk of a given size; only the superuser can."""
    mounted = []

    def mount(kilobytes):
        place = tmp_path / "disk"
        place.mkdir()
        options = f"size={kilobytes}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no disk can be mounted: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only the superuser mounts disks")
@pytest.mark.parametrize("kilobytes", IN_ALL)
def test_training_on_a_disk_that_fills(disk, tmp_path, kilobytes):
    place = disk(kilobytes)
    environment = {"GAN_EXPERIMENTS_CACHE": str(place / "cache")}
    arguments = tiny_overrides("output_dir=out", "name=run")
    done = command("train", *arguments, folder=place, log=tmp_path / "log", environment=environment)
    assert_said(done.wait(), done.log.read_text())
    assert_whole(place)
