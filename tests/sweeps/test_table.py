import pytest

from gan_experiments.sweeps.plan import Sweep
from gan_experiments.sweeps.table import print_table


def test_the_table_shows_how_every_job_has_ended(job, capsys):
    finished = job(
        "a=1",
        before={},
        status="finished",
        images_seen=1000,
        seconds=61.0,
        final={"fid": {"value": 1.5}, "is": {"value": 2.0}},
    )
    failed = job("a=2", before={}, status="failed", reason="RuntimeError: [a] fault", images_seen=10, seconds=1.0)
    assert print_table(Sweep(finished.folder.path.parent, [finished, failed], False)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["job", "status", "fid", "is", "images", "time"]
    assert lines[1].split() == ["a=1", "finished", "1.500", "2.000", "1,000", "1:01"]
    assert "failed a=2: RuntimeError: [a] fault" in lines
    assert f"  see {failed.folder.path}" in lines
    assert "2 jobs: 1 finished, 1 failed" in lines


def test_a_divergence_is_not_a_failure(job, capsys):
    diverged = job("a=1", before={}, status="diverged", reason="the loss is nan")
    assert print_table(Sweep(diverged.folder.path.parent, [diverged], False)) == 0
    out = capsys.readouterr().out
    assert "gan-compare study=" in out
    assert f"diverged a=1: the loss is nan\n  see {diverged.folder.path}\n" in out


@pytest.mark.parametrize(
    ("status", "retry", "hints"),
    [
        ("finished", False, []),
        ("interrupted", False, ["  started again, the sweep goes on with what is missing"]),
        ("failed", False, ["  with retry=failed it also tries again what has failed"]),
        ("failed", True, []),
    ],
)
def test_it_says_how_to_go_on_where_something_is_left(job, capsys, status, retry, hints):
    only = job("a=1", before={}, status=status, reason="a fault")
    print_table(Sweep(only.folder.path.parent, [only], retry))
    assert [line for line in capsys.readouterr().out.splitlines() if "again" in line] == hints
    print_table(Sweep(only.folder.path.parent, [only, job("a=2")], retry))  # not started
    assert "  started again, the sweep goes on with what is missing" in capsys.readouterr().out.splitlines()


def test_jobs_that_were_not_started_are_counted_in_one_line(job, capsys):
    ended = [job(f"a={n}", before={}, status=status, reason="x") for n, status in enumerate(["failed", "interrupted"])]
    waiting = [job(f"b={n}") for n in range(200)]
    print_table(Sweep(ended[0].folder.path.parent, [*ended, *waiting], False))
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "not started" in line] == ["202 jobs: 1 failed, 1 interrupted, 200 not started"]
    assert [line.split()[:2] for line in lines[1:3]] == [["a=0", "failed"], ["a=1", "interrupted"]]
    assert not any("b=" in line for line in lines)
    print_table(Sweep(ended[0].folder.path.parent, waiting, False))
    assert capsys.readouterr().out.splitlines()[0] == "200 jobs: 200 not started"


def test_the_commands_that_come_next_can_be_pasted_whatever_the_folder_is_called(job, capsys):
    run = job("two words", before={}, status="finished")
    print_table(Sweep(run.folder.path, [run], False))
    assert f"  gan-compare study='{run.folder.path}'" in capsys.readouterr().out
