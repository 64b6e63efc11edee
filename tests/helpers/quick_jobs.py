"""The processes of sweeps, forked from that of the tests, where a new one would first import torch for seconds.

What the package does with them is as always: it starts a server, which forks a job for each request, or each job.
"""

import atexit
import os
import runpy
import signal
import subprocess
import sys
from types import SimpleNamespace

import processes

from gan_experiments.core.signals import signals
from gan_experiments.sweeps import fork_server


class QuickPopen(processes.Forked):
    """A program of Python in a process as ``fork_server`` asks ``subprocess.Popen`` for it."""

    def __init__(self, program, env, pass_fds, stdin, stdout, stderr, start_new_session):
        if program[1] == "-m":
            processes.program(program[2])
        assert (stdin, start_new_session) == (subprocess.DEVNULL, True)

        def work():
            os.setsid()
            _keep(stdout, stderr, pass_fds)
            atexit._clear()  # what the tests do at their end
            for number in signals("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"):
                if callable(signal.getsignal(number)):
                    signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.environ.clear()
            os.environ.update(env)
            try:
                _run(program[1:])
            finally:
                sys.stdout.flush()

        super().__init__(work, os.devnull)

    def wait(self, timeout=None):
        """Wait for its end as ``Popen`` does."""
        if not self.ends_within(timeout or 300):
            raise subprocess.TimeoutExpired("a forked process", timeout)
        return self.code

    def send_signal(self, number):
        if self.poll() is None:
            super().send_signal(number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


def _keep(stdout, stderr, others):
    """Close what a new process would not inherit."""
    null = os.open(os.devnull, os.O_RDWR)
    for target, given in enumerate((null, stdout, stderr)):
        os.dup2(null if given == subprocess.DEVNULL else given, target)
    first = 3
    for descriptor in sorted(others):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _run(arguments):
    """Do what Python does with these arguments."""
    sys.argv = list(arguments)
    if arguments[0] == "-c":
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    elif arguments[0] == "-m":
        module = sys.modules["__main__"] = processes.program(arguments[1])  # Lightning starts that again
        sys.argv = [module.__file__]
        module.main()
    else:
        runpy.run_path(arguments[0], run_name="__main__")


def make_quick():
    """Let the processes of sweeps be forked until this process ends."""
    fork_server.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": QuickPopen})
