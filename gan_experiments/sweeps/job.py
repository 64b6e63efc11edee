"""One job of a sweep, brought to its end in a process of its own; imports no torch.

The process that does this is called by whatever launcher there is. Nothing that happens to the job reaches it, and
nothing that one job does to its process reaches the next.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from gan_experiments.core.clock import now
from gan_experiments.core.signals import handling, signals
from gan_experiments.runs.config_differences import refuse_another_config
from gan_experiments.runs.folder import WORKER, HeldError, RunFolder
from gan_experiments.sweeps.fork_server import PARENT, Process, start

SAFE_PATH = "PYTHONSAFEPATH"  # Python's own, since 3.11

_STOPS = signals("SIGINT", "SIGTERM", "SIGHUP")  # ask a process to end: the job can go on from there
_PR_SET_PDEATHSIG = 1  # of Linux's prctl
_LOOK_EVERY = 1.0  # seconds between two looks for a file that asks a run to stop
_LONGEST = 20_000  # characters of output that a record keeps


def run_job(folder: RunFolder, config: Mapping[str, Any], origin: Mapping[str, Any], command: Sequence[str]) -> None:
    """Train the run in its folder, unless that is done or being done; its record says how it ended.

    Args:
        folder: The run's.
        config: Checked and resolved.
        origin: What the record is to say of where the config comes from.
        command: Trains what the variable ``WORKER`` names.

    Raises:
        ConfigError: The folder holds the run of another config.
        KeyboardInterrupt: Somebody wants the sweep to stop; the run is saved.
    """
    if folder.config_file.exists():
        refuse_another_config(folder, config)
    retry = config["retry"] == "failed"
    if is_settled(folder.record(), retry):
        return
    with suppress(HeldError), folder.lock() as lock:
        assert lock is not None  # sweeps are refused on Windows
        if is_settled(folder.record(), retry):
            return
        folder.write_config({**config, "name": folder.path.name, "retry": "none"})
        folder.update_record(**origin, status="running", reason=None, traceback=None)
        _run(folder, config, command, lock)


def is_settled(record: Mapping[str, Any], retry: bool) -> bool:
    """Tell whether a run with this record is not trained any further; ``retry`` trains again what has failed."""
    status = record.get("status")
    return status in ("finished", "pruned", "stopped") or (status in ("failed", "diverged") and not retry)


def end_with_parent() -> None:
    """End this process when the one named by ``PARENT`` does, even if that is killed.

    Where the system cannot do that, it goes on and holds its folder until it is done.
    """
    parent = os.environ.pop(PARENT, None)
    if parent is not None and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            sys.exit(1)


def _run(folder: RunFolder, config: Mapping[str, Any], command: Sequence[str], lock: int) -> None:
    task = json.dumps([str(folder.path.resolve()), config])
    # A module in the current folder does not take the place of an installed one.
    environment = os.environ | {SAFE_PATH: "1"}
    environment.pop("SLURM_NTASKS", None)  # by which Lightning tells that SLURM starts the processes of a run
    with folder.log_file.open("ab") as log:
        begin = log.tell()
        child = start(command, {WORKER: task}, environment, log.fileno(), lock)
    try:
        with _forwarding(child) as asked:
            code = _wait(child, folder)
    except BaseException:
        child.terminate()
        child.wait()
        raise
    finally:
        with suppress(ProcessLookupError, PermissionError):  # the latter: macOS, of what is just ending
            os.killpg(child.pid, signal.SIGKILL)  # processes that it has started itself and left behind
    with folder.log_file.open("rb") as log:
        log.seek(begin)
        _conclude(folder, code, bool(asked), log.read().decode(errors="replace").strip())
    _note_pruning(folder)
    if asked:
        raise KeyboardInterrupt


def _wait(child: Process, folder: RunFolder) -> int:
    """Wait for a process, and ask it to stop once somebody has asked that of the folder; return its exit code."""
    asked = False
    while True:
        try:
            return child.wait(_LOOK_EVERY)
        except subprocess.TimeoutExpired:
            if not asked and folder.stop_file.exists():
                child.terminate()
                asked = True


def _note_pruning(folder: RunFolder) -> None:
    """Note that a run has stopped because its folder was asked to; it can go on all the same."""
    if folder.stop_file.exists():
        if folder.record().get("status") == "interrupted":
            folder.update_record(status="pruned", reason=folder.stop_file.read_text(encoding="utf-8"))
        folder.stop_file.unlink()


@contextmanager
def _forwarding(child: Process) -> Iterator[list[int]]:
    """Hand the signals that come during the block on to ``child``, and list them."""
    received: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        received.append(number)
        child.send_signal(number)

    with handling((signal.SIGINT, signal.SIGTERM), forward):
        yield received


def _conclude(folder: RunFolder, code: int, asked: bool, output: str) -> None:
    """Write into the record what a process that was ended from outside could not write itself."""
    if folder.record().get("status") != "running":
        return
    status, trace = "failed", None
    if code < 0:
        reason = f"killed by {signal.Signals(-code).name}"
        if -code == signal.SIGKILL:
            reason += " (out of memory?)"
    else:
        reason = output.rpartition("\n")[2].strip() or f"ended with exit code {code} before it was finished"
        trace = output[-_LONGEST:]
    if asked or -code in _STOPS:
        status, trace = "interrupted", None
    folder.update_record(status=status, reason=reason, traceback=trace, ended=now())
