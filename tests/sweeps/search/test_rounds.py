import pytest
from searches import CONFIG, SPACE, Jobs, drawn, drawn_and_scored

from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.search.rounds import search_in
from gan_experiments.sweeps.search.space import read_space

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'gan-experiments[optuna]'")


def test_the_same_command_goes_on_to_the_number_in_total(search):
    whole, _ = search("whole", n_trials=8)
    assert len({row["lr"] for row in whole}) == 8
    search("parts", n_trials=3)
    _, jobs = search("parts", n_trials=3)
    assert jobs.launched == []
    parts, jobs = search("parts", n_trials=8)
    assert len(jobs.launched) == 5
    assert drawn_and_scored(parts) == drawn_and_scored(whole)  # and draws what it would have drawn without a break


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("ran", [False, True])
def test_a_trial_that_was_started_without_a_result_is_not_lost(search, tmp_path, ran):
    whole, _ = search("whole")

    def killed(values):
        if len(jobs.launched) == 4:
            if ran:
                RunFolder(jobs.folder_of(jobs.launched[-1])).update_record(
                    status="finished", final={"fid": {"value": Jobs.fid(values)}}
                )
            raise KilledError
        return {"status": "finished", "final": {"fid": {"value": Jobs.fid(values)}}}

    jobs = Jobs(tmp_path / "cut", killed)
    with pytest.raises(KilledError):
        search_in(jobs.study, read_space(list(SPACE), ()), CONFIG, jobs, jobs.folder_of)
    parts, after = search("cut")
    assert drawn_and_scored(parts) == drawn_and_scored(whole)
    assert (after.launched[0] == jobs.launched[3]) != ran  # what has ended is not launched again
    assert len(after.launched) == (2 if ran else 3)


def test_an_interrupted_trial_stays_open_and_ends_the_search(search, tmp_path):
    def outcome(values):
        return (
            {"status": "interrupted"}
            if len(jobs.launched) == 2
            else {"status": "finished", "final": {"fid": {"value": 1.0}}}
        )

    jobs = Jobs(tmp_path / "cut", outcome)
    with pytest.raises(KeyboardInterrupt):
        search_in(jobs.study, read_space(list(SPACE), ()), CONFIG, jobs, jobs.folder_of)
    assert len(jobs.launched) == 2
    _, after = search("cut")
    assert after.launched[0] == jobs.launched[1]
    assert len(after.launched) == 5


def test_each_value_of_an_arm_gets_a_search_of_its_own(search, capsys):
    rows, jobs = search(lines=("loss=hinge,wasserstein", *SPACE[:2]), per=["loss"], n_trials=3)
    arms = {name: [row for row in rows if row["search"] == name] for name in ("loss=hinge", "loss=wasserstein")}
    assert [len(arm) for arm in arms.values()] == [3, 3]
    hinge, wasserstein = ([(row["lr"], row["width"]) for row in arm] for arm in arms.values())
    assert hinge[:2] == wasserstein[:2]  # they begin with the same draws
    assert {drawn(lines)["loss"] for lines in jobs.launched[:2]} == {"hinge", "wasserstein"}  # and take turns
    assert capsys.readouterr().out.count("'seed=range(4,9)' name=null") == 2


def test_rounds_fill_the_jobs_at_a_time(search, monkeypatch):
    sizes = []
    call = Jobs.__call__
    monkeypatch.setattr(Jobs, "__call__", lambda self, batch: (sizes.append(len(batch)), call(self, batch)))
    search(n_jobs=4)
    assert sizes == [4, 2]
