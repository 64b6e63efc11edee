"""Starts the process of a job by forking one that has imported torch and Lightning already, which takes seconds.

That one, the server, trains nothing, starts no thread and touches no device: what is forked from it is as a new process
would be. Where there cannot be a server, every job gets a new process. Imports no torch at the top.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from gan_experiments.core.signals import signals

SERVER = "GAN_EXPERIMENTS_SERVER"  # tells a program to serve, and on which socket
PARENT = "GAN_EXPERIMENTS_PARENT"  # the process without which a job does not go on

_LOOK_EVERY = 1.0  # seconds between two looks whether the process that a server works for is still there
_IGNORED = signals("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")  # a cluster tells everybody
_TEXT = 32  # bytes; more than a number has

_servers: dict[object, ForkServer | None] = {}  # of this process, at most one
_one_at_a_time = threading.Lock()


class ForkedProcess:
    """A process that a server has forked, used as one of ``subprocess.Popen``.

    Args:
        answers: On which the server sends its id and, once it has ended, its exit code.

    Raises:
        OSError: The server has been killed before it could answer.
    """

    def __init__(self, answers: socket.socket) -> None:
        self._answers = answers
        self._code: int | None = None
        answer = answers.recv(_TEXT)
        if not answer:
            raise OSError("the server has ended")
        self.pid = int(answer)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit code, or the number of the signal that killed it, negated."""
        if self._code is None:
            self._answers.settimeout(timeout)
            try:
                answer = self._answers.recv(_TEXT)
            except TimeoutError:
                raise subprocess.TimeoutExpired("a forked process", timeout or 0.0) from None
            self._code = int(answer or -signal.SIGKILL)  # if the server is killed, what it has forked is, too
            self._answers.close()
        return self._code

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)


Process = subprocess.Popen[bytes] | ForkedProcess


class ForkServer:
    """A server of this process.

    Args:
        program: Calls ``serve`` if the variable ``SERVER`` is set.
        environment: Of the server and of what it imports.

    Raises:
        OSError: The program ends without an answer.
    """

    def __init__(self, program: Sequence[str], environment: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                program, env={**environment, SERVER: str(theirs.fileno())}, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        try:
            if not self._control.recv(_TEXT):
                raise OSError("the program is no server")
        except BaseException:
            self.close()
            raise

    def fork(self, environment: Mapping[str, str], log: int, lock: int) -> ForkedProcess:
        """Fork a process; see ``start``.

        Raises:
            OSError: The server has been killed.
        """
        answers, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, tempfile.TemporaryFile("w+") as request:  # a message could not hold a large environment
            json.dump(dict(environment), request)
            request.seek(0)
            socket.send_fds(self._control, [b"fork"], [request.fileno(), log, lock, theirs.fileno()])
        return ForkedProcess(answers)

    def close(self) -> None:
        """End the server, and with it what it has forked."""
        self._control.close()
        self._process.wait()


def start(
    program: Sequence[str], task: Mapping[str, str], environment: Mapping[str, str], log: int, lock: int
) -> Process:
    """Start a process in a session of its own, that ends if this one does.

    Args:
        program: What it runs.
        task: Variables that it gets besides ``environment``.
        environment: What it may read while it imports.
        log: Descriptor of the file that takes its output.
        lock: Descriptor that it inherits.
    """
    with _one_at_a_time:
        for _ in range(2):  # a server that somebody has killed is replaced
            if (server := _server(program, environment)) is None:
                break
            try:
                return server.fork({**environment, **task}, log, lock)
            except OSError:
                close_server()
    return subprocess.Popen(  # noqa: S603 - our own program
        program, env={**environment, **task, PARENT: str(os.getpid())}, pass_fds=[lock],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip


def close_server() -> None:
    """End the server of this process, if there is one."""
    while _servers:
        _, server = _servers.popitem()
        if server is not None:
            server.close()


def _server(program: Sequence[str], environment: Mapping[str, str]) -> ForkServer | None:
    """Return the server for what a new process would find now; ``None`` if there cannot be one."""
    if sys.platform != "linux":  # elsewhere libraries do not survive a fork
        return None
    key = (tuple(program), frozenset(environment.items()), Path.cwd(), os.getpid())
    if key not in _servers:
        close_server()
        try:
            _servers[key] = ForkServer(program, environment)
        except OSError:
            _servers[key] = None
    return _servers[key]


def serve(modules: Sequence[str]) -> None:
    """Import ``modules``, then fork a process for every request; returns in each of these, and there only.

    The server ends with the process that it works for. It does not answer if a fork would not be as a new process: if
    something that it has imported has started a thread.
    """
    control, parent = socket.socket(fileno=int(os.environ.pop(SERVER))), os.getppid()
    for module in modules:
        import_module(module)
    if _has_threads():
        os._exit(1)
    gc.collect()
    gc.freeze()  # what is never looked at again stays shared with the processes that are forked
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in _IGNORED}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        control.send(b"ready")
        while os.getppid() == parent:
            for key, _ in selector.select(_LOOK_EVERY):
                if key.fileobj is not control:
                    _report(selector, key)
                elif not (received := socket.recv_fds(control, _TEXT, 4)[1]):
                    os._exit(0)
                elif _fork(selector, *received):
                    for number, handler in handlers.items():
                        signal.signal(number, handler)
                    return
    os._exit(0)


def _has_threads() -> bool:
    """Return whether this process has threads that it would lack in a fork."""
    if (child := os.fork()) == 0:  # OpenBLAS ends its threads when a process forks, and starts them when it needs them
        os._exit(0)
    os.waitpid(child, 0)
    return len(os.listdir("/proc/self/task")) > 1


def _fork(selector: selectors.BaseSelector, request: int, log: int, lock: int, answers: int) -> bool:
    """Fork a process; returns whether this is it."""
    server, pid = os.getpid(), os.fork()
    if pid:
        os.write(answers, str(pid).encode())
        selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, answers))
        for descriptor in (request, log, lock):
            os.close(descriptor)
        return False
    for key in selector.get_map().values():  # those of the server
        os.close(key.fd)
        if key.data:
            os.close(key.data[1])
    os.setsid()
    with open(request) as file:
        environment = json.load(file)
    os.environ.clear()
    os.environ.update(environment, **{PARENT: str(server)})
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(answers)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # from the system, as a new process has it; Python does that by itself
    return True


def _report(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    """Send the exit code of a process that has ended."""
    pid, answers = key.data
    selector.unregister(key.fileobj)
    os.close(key.fd)
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):
        os.write(answers, str(os.waitstatus_to_exitcode(status)).encode())
    os.close(answers)
