import pytest
from searches import Jobs, drawn

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'gan-experiments[optuna]'")


def test_trials_are_jobs_with_their_score(search):
    rows, jobs = search()
    assert len(rows) == len(jobs.launched) == 6
    for row, lines in zip(rows, jobs.launched, strict=True):
        assert drawn(lines) | {"loss": "hinge"} == drawn(lines)
        assert float(row["fid"]) == pytest.approx(Jobs.fid(row))
        assert 1e-4 <= float(row["lr"]) <= 1e-1
        assert len(row["lr"]) <= 9  # four digits that count


def test_failing_and_diverging_trials_are_recorded_and_the_search_goes_on(search, capsys):
    def outcome(values):
        number = len(outcome.seen)
        outcome.seen.append(number)
        if number == 1:
            return {"status": "failed", "reason": "RuntimeError: a fault"}
        if number == 2:
            return {"status": "diverged", "reason": "the loss is nan"}
        if number == 3:
            return None
        return {"status": "finished", "final": {"fid": {"value": Jobs.fid(values)}}}

    outcome.seen = []
    rows, _ = search(outcome=outcome, n_trials=8)
    assert [row["state"] for row in rows] == ["finished", "failed", "diverged", "failed"] + ["finished"] * 4
    assert [row["reason"] for row in rows[1:4]] == [
        "RuntimeError: a fault",
        "the loss is nan",
        "the job left no record",
    ]
    assert rows[2]["fid"] == "inf"
    printed = capsys.readouterr().out
    assert "8 trials, 5 finished, 2 failed, 1 diverged" in printed
    assert "trial 1 failed in" in printed
    assert "a fault" in printed


def test_several_objectives_end_with_those_that_no_other_beats(search, capsys):
    def outcome(values):
        speed = 1000.0 / float(values["width"])
        return {"status": "finished", "final": {"fid": {"value": Jobs.fid(values)}}, "images_per_second": speed}

    rows, _ = search(outcome=outcome, objectives=["fid", "images_per_second"], n_trials=8)
    printed = capsys.readouterr().out
    assert "Pareto-optimal trials" in printed
    scores = [(float(row["fid"]), -float(row["images_per_second"])) for row in rows]
    front = [one for one in scores if not any(a <= one[0] and b <= one[1] and (a, b) != one for a, b in scores)]
    assert all(f"{fid:,.4g}" in printed for fid, _ in front)
