import fcntl
import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from gan_experiments.sweeps import fork_server
from gan_experiments.sweeps.fork_server import SERVER, ForkedProcess, close_server, start

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="no other system forks"),
    pytest.mark.usefixtures("new_processes"),
]

# A program that counts how often it is started, and does what the variable DO says in the processes that are forked.
PROGRAM = """
import os, random, signal, sys, time
from gan_experiments.sweeps.fork_server import SERVER, serve
from gan_experiments.sweeps.job import end_with_parent
if SERVER in os.environ:
    print(end="#", file=open("servers", "a"))
    serve(["numpy", *os.environ.get("IMPORTED", "").split()])
end_with_parent()
exec(os.environ["DO"])
"""


@pytest.fixture
def forked(tmp_path, monkeypatch):
    """Start a process that does what ``code`` says; returns it."""
    monkeypatch.chdir(tmp_path)

    numbers = count()

    def run(code, program=PROGRAM, **environment):
        with Path("log").open("a+") as log, Path(f"lock{next(numbers)}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            command = [sys.executable, "-c", program]
            return start(command, {"DO": code}, {**os.environ, **environment}, log.fileno(), lock.fileno())

    yield run
    close_server()


def log_of(process):
    code = process.wait(60)
    return code, Path("log").read_text()


def servers():
    return len(Path("servers").read_text())


def wait_for(path):
    give_up = time.monotonic() + 60
    while not path.exists() or not path.read_text().endswith("\n"):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return path.read_text()


def ended(pid):
    give_up = time.monotonic() + 30
    while (stat := Path(f"/proc/{pid}/stat")).exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def test_one_server_forks_all_processes_and_none_sees_what_another_did(forked):
    code = "print(os.getppid(), os.getpid(), os.getsid(0), 'mark' in globals(), os.environ.get('LEFT')); mark = 1"
    code += "; os.environ['LEFT'] = 'something'; os.chdir('/')"
    processes = [forked(code), forked(code)]
    for process in processes:
        assert isinstance(process, ForkedProcess)
        assert process.wait(60) == 0
    lines = sorted((line.split() for line in Path("log").read_text().splitlines()), key=lambda line: int(line[1]))
    assert lines[0][0] == lines[1][0] != str(os.getpid())
    assert [line[1:] for line in lines] == [
        [str(each.pid), str(each.pid), "False", "None"] for each in sorted(processes, key=lambda it: it.pid)
    ]
    assert servers() == 1


def test_two_at_the_same_time_end_each_with_its_own_code(forked):
    one = forked("time.sleep(0.3); sys.exit(3)")
    other = forked("os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.01)
    assert (one.wait(60), other.wait(60), one.wait(), other.wait()) == (3, -signal.SIGKILL, 3, -signal.SIGKILL)


def test_output_and_errors_go_to_the_log_and_nothing_comes_in(forked, capfd):
    code, text = log_of(forked("print('out'); print('err', file=sys.stderr, flush=True); print(sys.stdin.read()); 1/0"))
    assert code == 1
    assert {"out", "err", "ZeroDivisionError: division by zero"} <= set(text.splitlines())
    assert capfd.readouterr() == ("", "")


def test_a_signal_reaches_that_process_alone(forked):
    listening = (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print(file=open('ready{}', 'w')); time.sleep(60)"
    )
    one, other = forked(listening.format(1)), forked(listening.format(2))
    wait_for(Path("ready1"))
    wait_for(Path("ready2"))
    one.terminate()
    assert one.wait(60) == 7
    other.send_signal(signal.SIGKILL)
    assert other.wait(60) == -signal.SIGKILL
    other.terminate()  # too late, and no error


@pytest.fixture
def not_ignored(number):
    """Let a signal have its default effect, if whoever started the tests ignores it, as nohup does."""
    before = signal.getsignal(number)
    if before is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
    yield
    signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2])
def test_what_a_cluster_sends_to_everybody_ends_the_process_and_not_the_server(forked, number, not_ignored):
    process = forked("print(os.getppid(), file=open('parent', 'w')); time.sleep(60)")
    os.kill(int(wait_for(Path("parent"))), number)
    process.send_signal(number)
    assert process.wait(60) in (-number, 1)  # Python ends by itself at SIGINT
    forked("").wait(60)
    assert servers() == 1


def test_a_server_that_is_killed_takes_its_processes_along_and_is_replaced(forked):
    process = forked("print(os.getppid(), file=open('parent', 'w')); time.sleep(60)")
    server = int(wait_for(Path("parent")))
    os.kill(server, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert ended(process.pid)
    assert log_of(forked("print('again')")) == (0, "again\n")
    assert servers() == 2


def test_another_environment_or_folder_is_another_server(forked, tmp_path, monkeypatch):
    one = log_of(forked("print(os.environ['OMP_NUM_THREADS'])", OMP_NUM_THREADS="3"))
    other = log_of(forked("print(os.environ['OMP_NUM_THREADS'])", OMP_NUM_THREADS="2"))
    assert (one, other) == ((0, "3\n"), (0, "3\n2\n"))
    assert servers() == 2
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert log_of(forked("print(os.getcwd(), sys.path[0] in ('', os.getcwd()))")) == (0, f"{tmp_path / 'below'} True\n")


def test_random_numbers_are_not_those_of_another(forked):
    for _ in range(2):
        forked("import numpy; print(random.random(), numpy.random.rand())").wait(60)
    one, other = (line.split() for line in Path("log").read_text().splitlines())
    assert one[0] != other[0]
    assert one[1] != other[1]


def test_the_process_holds_the_lock_until_it_ends(forked):
    process = forked("print(file=open('ready', 'w')); time.sleep(60)")
    wait_for(Path("ready"))
    with Path("lock0").open() as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    "program",
    [
        PROGRAM.replace("serve(", "import threading; threading.Thread(target=time.sleep, args=(9,)).start(); serve("),
        PROGRAM.replace("serve(", "sys.exit('it cannot'); serve("),
    ],
    ids=["threads", "no server"],
)
def test_without_a_server_a_process_is_a_new_one(forked, program):
    for _ in range(2):
        process = forked("print(os.getppid())", program)
        assert isinstance(process, subprocess.Popen)
        process.wait(60)
    assert Path("log").read_text() == f"{os.getpid()}\n" * 2
    assert servers() == 1  # it is tried once


def test_on_another_system_a_process_is_a_new_one(forked, monkeypatch):
    monkeypatch.setattr(fork_server.sys, "platform", "darwin")
    assert log_of(forked(f"print({SERVER!r} in os.environ)")) == (0, "False\n")


LAUNCHER = """
import os, sys, time
from gan_experiments.sweeps.fork_server import start
start([sys.executable, "-c", sys.argv[1]], {"DO": sys.argv[2]}, dict(os.environ), 1, 0).wait()
"""


def test_everything_ends_with_the_process_that_has_started_it(tmp_path):
    code = "print(os.getpid(), os.getppid(), file=open('pids', 'w')); time.sleep(60)"
    command = [sys.executable, "-c", LAUNCHER, PROGRAM, code]
    launcher = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    pids = wait_for(tmp_path / "pids").split()
    launcher.kill()
    launcher.wait()
    assert all(map(ended, pids))
