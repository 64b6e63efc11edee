"""Processes forked from that of the tests, which has imported torch and Lightning already: those take seconds."""

import importlib
import os
import signal
import socket
import sys
import time
import traceback
from functools import cache
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra


class Forked:
    """A process that does ``work`` with its output in ``log``; its exit code is the negated number of a signal."""

    def __init__(self, work, log, environment=None):
        self.log = Path(log)
        sys.stdout.flush()
        sys.stderr.flush()
        # An exception of a signal would be lost in what Python does after a fork, and the lock of logging stay held.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        self.pid, self.code = os.fork(), None
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if self.pid == 0:
            os._exit(_end_of(work, log, environment or {}))

    def poll(self):
        """Return the exit code, or None while it runs."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def ends_within(self, seconds):
        """Wait for its end, but not longer than that; returns whether it has ended."""
        end = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        return self.code is not None

    def wait(self, seconds=240):
        """Wait for its end and return the exit code; one that takes longer is killed."""
        if not self.ends_within(seconds):
            self.send_signal(signal.SIGKILL)
            raise AssertionError(f"it has not ended after {seconds} s: {self.log.read_text()}")
        return self.code

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def _end_of(work, log, environment):
    """Do the work as a program of its own would; returns its exit code."""
    with open(log, "wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.stdout, sys.stderr = (open(number, "w", 1, closefd=False) for number in (1, 2))  # noqa: SIM115 - until the end
    os.environ.update(environment)
    try:
        work()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


@cache
def program(name):
    """Import the module of a command, with what it imports and reads once it runs: not in each of its processes."""
    from gan_experiments.config.check import check_config
    from gan_experiments.config.compose import compose
    from gan_experiments.config.schema import Config

    module = importlib.import_module(name)
    for each in getattr(module, "_OF_JOBS", ()):
        importlib.import_module(each)
    check_config(compose("train"), Config)
    return module


def command(name, *arguments, folder, log=None, environment=None):
    """Start a command, for instance ``train``, in ``folder``; returns its process."""
    module = program(f"gan_experiments.cli.{name}")

    def work():
        os.chdir(folder)
        sys.argv = [f"gan-{name}", *arguments]
        GlobalHydra.instance().clear()
        module.main()

    return Forked(work, log or Path(folder) / f"{name}.log", environment)


def command_in_two(name, *arguments, folder):
    """Run a command in two processes that exchange gradients, as a cluster starts them; returns their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "NODE_RANK": "0"}
    started = [
        command(name, *arguments, folder=folder, log=Path(folder) / f"{name}{rank}.log", environment=group | local)
        for rank, local in enumerate(({"LOCAL_RANK": "0"}, {"LOCAL_RANK": "1"}))
    ]
    codes = [process.wait() for process in started]
    for process in started:
        print(process.log.read_text())  # pytest shows it where the test fails
    return codes


def in_two_processes(work, folder, *arguments):
    """Let ``work(rank, *arguments)`` run in two processes that can exchange tensors; both have to end well."""

    import torch.distributed as dist

    def joined(rank):
        dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
        work(rank, *arguments)
        dist.barrier()
        dist.destroy_process_group()

    started = [Forked(lambda rank=rank: joined(rank), Path(folder) / f"process{rank}.log") for rank in (0, 1)]
    codes = [process.wait() for process in started]
    assert codes == [0, 0], "\n".join(process.log.read_text() for process in started)
