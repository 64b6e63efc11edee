import time

from gan_experiments.sweeps import progress
from gan_experiments.sweeps.plan import Sweep

TABLE = "images_seen,metrics/fid,speed/images_per_second,speed/seconds\n100,9.5,50.0,2.0\n200,,40.0,4.0\n300,7"


def test_a_running_job_is_read_from_its_table(job, monkeypatch, capsys):
    running, done, to_come = job("a=1", TABLE, {}, status="running"), job("a=2", status="finished"), job("a=3")
    monkeypatch.setattr(progress, "_POLL_EVERY", 0.02)
    monkeypatch.setattr(progress, "_REPORT_EVERY", 0.0)
    with (
        running.folder.lock(),
        progress.SweepProgress(Sweep(running.folder.path.parent, [running, done, to_come], False)),
    ):
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("1 of 3 jobs done · 0:00 so far")
    assert lines[1] == "a=1: 200/1,000 images · 40/s · FID 9.500 · 0:20 left"


def test_a_job_that_ends_is_reported_once(job, monkeypatch, capsys):
    running = job("a=1", TABLE, status="running")
    monkeypatch.setattr(progress, "_POLL_EVERY", 0.02)
    with progress.SweepProgress(Sweep(running.folder.path.parent, [running], False)):
        time.sleep(0.1)
        running.folder.update_record(status="failed", reason="a fault")
        time.sleep(0.1)
    *_, last = lines = capsys.readouterr().err.splitlines()
    assert last == "failed a=1: 200/1,000 images · FID 9.500 · a fault"
    assert sum(line.startswith("failed") for line in lines) == 1


def test_where_lines_are_printed_once_a_minute_the_first_comes_at_once(job, monkeypatch, capsys):
    to_come = job("a=1")
    monkeypatch.setattr(progress, "_POLL_EVERY", 0.02)
    with progress.SweepProgress(Sweep(to_come.folder.path.parent, [to_come], False)):
        time.sleep(0.2)
    assert capsys.readouterr().err == "0 of 1 jobs done · 0:00 so far\n"
