import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.job import run_job

pytestmark = pytest.mark.usefixtures("new_processes")

CONFIG = {"seed": 0, "retry": "none", "name": None}

# Stands for the training: what a test wants done goes in place of the last line.
CHILD = """
import json, os, signal, subprocess, sys, time
from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.job import end_with_parent
end_with_parent()
path, config = json.loads(os.environ["GAN_EXPERIMENTS_WORKER"])
run = RunFolder(path)
assert run.held(), "the job must hold its folder"
run.update_record(runs=run.record().get("runs", 0) + 1)
def end(status): run.update_record(status=status)
"""


@pytest.fixture
def job(tmp_path):
    """Carry out a job that does what ``code`` says."""
    run = RunFolder(tmp_path / "study" / "job")

    def carry(code, **config):
        command = [sys.executable, "-c", textwrap.dedent(CHILD) + code]
        run_job(run, CONFIG | config, {"overrides": ["seed=0"]}, command)
        return run.record()

    carry.run = run
    return carry


def test_a_job_that_is_done_is_not_done_again(job):
    assert job("end('finished')")["runs"] == 1
    assert job("end('finished')", retry="failed") == {"overrides": ["seed=0"], **job.run.record()}
    assert job.run.record()["runs"] == 1
    assert job.run.read_config() == {"seed": 0, "retry": "none", "name": "job"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('a fault')", "RuntimeError: a fault"),
        ("sys.exit(3)", "ended with exit code 3 before it was finished"),
        ("os._exit(0)", "ended with exit code 0 before it was finished"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL (out of memory?)"),
        ("os.abort()", "killed by SIGABRT"),
    ],
)
def test_a_failure_is_recorded_and_tried_again_only_when_asked(job, code, reason):
    record = job(code)
    assert (record["status"], record["reason"]) == ("failed", reason)
    assert ("Traceback" in (record["traceback"] or "")) == ("raise" in code)
    assert job("end('finished')") == record
    record = job("end('finished')", retry="failed")
    assert (record["status"], record["reason"], record["runs"]) == ("finished", None, 2)


STOPPABLE = """
signal.signal(signal.SIGTERM, lambda *_: (end('interrupted'), sys.exit(143)))
run.ask_to_stop("behind the others")
time.sleep(60)
"""


def test_a_run_whose_folder_is_asked_to_stop_is_pruned_and_rests(job):
    record = job(STOPPABLE)
    assert (record["status"], record["reason"]) == ("pruned", "behind the others")
    assert not job.run.stop_file.exists()
    assert job("end('finished')") == record


def test_a_run_that_ends_before_it_is_stopped_has_ended(job):
    assert job("run.ask_to_stop('behind'); end('finished')")["status"] == "finished"
    assert not job.run.stop_file.exists()


def test_what_the_job_itself_recorded_stands(job):
    assert job("end('diverged'); sys.exit(3)")["status"] == "diverged"
    assert job("end('finished')")["status"] == "diverged"
    assert job("end('finished')", retry="failed")["status"] == "finished"


def test_the_output_goes_to_a_file_of_the_folder(job, capfd):
    job("print('hello'); print('there', file=sys.stderr); 1/0")
    assert capfd.readouterr() == ("", "")
    job("print('again'); end('finished')", retry="failed")
    log = job.run.log_file.read_text()
    assert "hello" in log
    assert "ZeroDivisionError" in log
    assert log.endswith("again\n")


def test_another_config_is_refused(job):
    job("end('finished')")
    with pytest.raises(ConfigError, match=r"seed: 0 in .*study/job, 1 here"):
        job("end('finished')", seed=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_job_save_and_ends_the_sweep(job, number):
    saves = (
        "signal.signal(%d, lambda *_: (end('interrupted'), sys.exit(1))); print('ready', flush=True); time.sleep(60)"
    )
    threading.Thread(target=_send_when_ready, args=(job.run, number)).start()
    with pytest.raises(KeyboardInterrupt):
        job(saves % number)
    assert job.run.record()["status"] == "interrupted"
    assert not job.run.held()
    assert job("end('finished')")["runs"] == 2


def test_a_signal_before_the_job_listens_interrupts_it(job):
    threading.Thread(target=_send_when_ready, args=(job.run, signal.SIGTERM)).start()
    with pytest.raises(KeyboardInterrupt):
        job("print('ready', flush=True); time.sleep(60)")
    assert job.run.record()["status"] == "interrupted"


def test_a_job_that_is_asked_to_stop_by_itself_can_go_on(job):
    assert job("os.kill(os.getpid(), signal.SIGTERM)")["reason"] == "killed by SIGTERM"
    assert job("end('finished')")["status"] == "finished"


def test_what_the_job_started_ends_with_it(job):
    job("print(subprocess.Popen(['sleep', '60']).pid); end('finished')")
    time.sleep(0.1)
    assert not _alive(int(job.run.log_file.read_text()))


def test_a_job_that_runs_elsewhere_is_left_alone(job):
    job.run.write_config(CONFIG)
    job.run.update_record(status="running")
    with job.run.lock():
        assert job("end('finished')") == {"status": "running"}


PARENT = """
import sys
from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.job import run_job
run_job(RunFolder(sys.argv[1]), {"seed": 0, "retry": "none"}, {}, [sys.executable, "-c", sys.argv[2]])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no other system can do that")
def test_a_job_ends_with_the_process_that_waits_for_it(job):
    wait = CHILD + "print(os.getpid(), flush=True); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(job.run.path), wait])
    child = int(_first_line(job.run))
    parent.kill()
    parent.wait()
    assert job("end('finished')")["runs"] == 2
    assert not _alive(child)


def test_nothing_of_this_imports_torch():
    code = "import sys, gan_experiments.cli.train; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def _first_line(run):
    for _ in range(600):
        if run.log_file.exists() and run.log_file.read_text().endswith("\n"):
            return run.log_file.read_text()
        time.sleep(0.1)
    raise AssertionError("the job has not begun")


def _send_when_ready(run, number):
    _first_line(run)
    os.kill(os.getpid(), number)


def _alive(pid):
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"
