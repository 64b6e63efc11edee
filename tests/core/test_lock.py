import importlib
import os
import pkgutil
import signal
import subprocess
import sys

import pytest
from processes import Forked
from tiny import tiny_overrides

from gan_experiments.core import lock
from gan_experiments.core.lock import is_locked, locked

HOLD = """
import sys
from pathlib import Path
from gan_experiments.core import lock
lock.POSIX = {posix}
with lock.locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("posix", [True, False], ids=["flock", "filelock"])
def test_a_file_is_locked_by_one_process_until_that_ends(tmp_path, monkeypatch, posix):
    monkeypatch.setattr(lock, "POSIX", posix)
    file = tmp_path / ".lock"
    assert not is_locked(file)
    command = [sys.executable, "-c", HOLD.format(posix=posix), file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        assert is_locked(file)
        with pytest.raises(BlockingIOError), locked(file):
            pass
        process.kill()
    assert not is_locked(file)
    with locked(file) as descriptor:
        assert (descriptor is not None) == posix
        assert is_locked(file)
    assert not is_locked(file)


# What Windows lacks is taken away once the packages of others, which have their own ways there, are imported.
OTHERS = (
    *("filelock", "hydra", "matplotlib.pyplot", "optuna", "pydantic", "pytorch_lightning", "rich.live", "scipy.stats"),
    *("sklearn.datasets", "tensorboard", "torch.utils.tensorboard", "torchmetrics", "torchvision", "yaml"),
)


def run_without(arguments):
    """Import the package as if for the first time, and train, where Windows' lacks are missing."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "gan_experiments"]:
        del sys.modules[name]
    for name in ("fcntl", "resource", "pwd", "grp", "termios"):
        sys.modules[name] = None
    for name in ("SIGHUP", "SIGUSR1", "SIGUSR2"):
        delattr(signal, name)
    for name in ("fork", "killpg", "setsid", "pidfd_open"):
        delattr(os, name)
    sys.meta_path[:] = [each for each in sys.meta_path if not type(each).__module__.startswith("_pytest")]
    os.name = "nt"
    importlib.import_module("gan_experiments.core.lock")
    os.name = "posix"  # for Python's own modules
    package = importlib.import_module("gan_experiments")
    for module in pkgutil.walk_packages(package.__path__, "gan_experiments."):
        importlib.import_module(module.name)
    signal.SIGUSR1 = 10  # for Lightning, which asks sys.platform
    sys.argv[1:] = arguments
    sys.modules["gan_experiments.cli.train"].main()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (tiny_overrides("metrics=none", "budget.images=16"), 0, "16 images in"),
        (["-m", "seed=0,1"], 2, "sweeps need Linux or macOS"),
    ],
    ids=["run", "sweep"],
)
def test_without_what_windows_lacks_a_run_is_trained_and_a_sweep_is_refused(
    tmp_path, monkeypatch, arguments, code, text
):
    monkeypatch.chdir(tmp_path)
    for name in OTHERS:
        importlib.import_module(name)
    process = Forked(lambda: run_without(arguments), tmp_path / "log")
    assert process.wait() == code, process.log.read_text()[-2000:]
    assert text in process.log.read_text()
