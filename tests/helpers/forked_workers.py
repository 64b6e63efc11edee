"""Workers of pytest-xdist forked from one process, which imports and collects the tests for all of them.

That takes each ten seconds, half as long again where no bytecode is kept. xdist starts a worker with this file in the
place of Python: it hands its input and output over to that process, whose fork goes on with them as Python would.
"""

import os
import shlex
import socket
import subprocess
import sys


def fork_workers(config, specs):
    """Start the process that is forked, and let xdist start the workers of ``specs`` with it."""
    address = f"\0pytest-{os.getpid()}"  # not a file, and gone with the process
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        program = f"import sys; sys.path[:] = {sys.path}; from forked_workers import serve; serve()"
        command = [sys.executable, "-u", "-c", program, str(listener.fileno()), *config.invocation_params.args]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()], **quiet)
    config.add_cleanup(server.communicate)  # ends its input
    for spec in specs:
        spec.python = shlex.join([sys.executable, "-IS", __file__, address[1:]])


def serve():
    """Collect the tests, then fork a worker for each connection, until the input ends."""
    import select
    import signal

    import pytest

    listener = socket.socket(fileno=int(sys.argv.pop(1)))
    code = pytest.main([*sys.argv[1:], "--collect-only", "-n0"], plugins=[_Forget()])
    from processes import Forked  # imports what pytest has to import first

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    workers = []
    while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
        with listener.accept()[0] as connection:
            descriptors = socket.recv_fds(connection, 1, 3)[1]
        workers.append(Forked(lambda: _work(descriptors, code), os.devnull))  # noqa: B023 - done at once
        for descriptor in descriptors:
            os.close(descriptor)
    for worker in workers:
        if not worker.ends_within(10):  # as long as xdist gives them
            worker.kill()
    os._exit(0)  # freeing all that was imported takes seconds, here and in the workers


class _Forget:
    """Forgets a module that skips itself, of which only a part is there: the workers import it again."""

    def pytest_configure(self, config):
        self.root = config.rootpath

    def pytest_collectreport(self, report):
        if report.skipped:
            path = str(self.root / report.nodeid)
            for name in [name for name, module in sys.modules.items() if getattr(module, "__file__", None) == path]:
                del sys.modules[name]


def _work(descriptors, code):
    """Do what xdist would have Python do, with the input and output that are given."""
    import atexit
    import signal

    from execnet.gateway_io import popen_bootstrapline

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    if code not in (0, 5):  # what could not be imported is half there
        os.execv(sys.executable, [sys.executable, "-u", "-c", popen_bootstrapline])
    sys.argv[:] = ["-c"]
    try:
        exec(popen_bootstrapline, {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()


if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{sys.argv[1]}")
        socket.send_fds(client, [b"3"], [0, 1, 2])
