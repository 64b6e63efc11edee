import threading

import pytest
from searches import SPACE, STORAGES, Jobs, config

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.search.rounds import run_searches, search_in
from gan_experiments.sweeps.search.search import OptunaSearch
from gan_experiments.sweeps.search.space import read_space
from gan_experiments.sweeps.search.storage import open_storage

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'gan-experiments[optuna]'")


def test_retry_tries_the_failed_ones_again(search):
    search(outcome=lambda values: {"status": "failed", "reason": "no disk"}, n_trials=3)
    rows, jobs = search(lines=(*SPACE[:-1], "retry=failed"), n_trials=3)
    assert len(jobs.launched) == 3
    assert [row["state"] for row in rows] == ["finished"] * 3
    _, jobs = search(lines=(*SPACE[:-1], "retry=failed"), n_trials=3)
    assert jobs.launched == []


def test_a_request_to_stop_that_comes_too_late_stops_no_later_attempt(tmp_path):
    jobs = Jobs(tmp_path / "study", lambda values: {"status": "failed", "reason": "no disk"})

    def launch(batch):
        jobs(batch)
        for lines in batch:
            RunFolder(jobs.folder_of(lines)).ask_to_stop("behind the others")

    search_in(jobs.study, read_space(list(SPACE), ()), config(n_trials=2), launch, jobs.folder_of)
    assert len(jobs.launched) == 2
    assert not list(jobs.study.glob("*/stop"))


def test_another_space_or_objective_is_refused(search):
    search(n_trials=1)
    with pytest.raises(ConfigError) as refused:
        search(lines=("lr=interval(1, 2)", "width=choice(8,16)", "loss=wasserstein"), n_trials=2, objectives=["is"])
    refusal = str(refused.value.problems)
    there = ("loss=hinge: in the existing search", "objectives: minimize fid: in the existing search")
    for part in (*there, "loss=wasserstein: here", "lr=interval(1.0, 2.0): here", "objectives: maximize is: here"):
        assert part in refusal


def test_an_objective_that_no_run_has_ends_the_search_at_once(search):
    with pytest.raises(ConfigError, match=r"no final 'is' \(fid\)"):
        search(objectives=["is"])


def test_more_modes_are_better(search):
    modes = {"8": 3.0, "16": 9.0}
    found = {"objectives": ["modes"], "better": {"modes": "higher"}}
    rows, jobs = search(
        outcome=lambda values: {"status": "finished", "final": {"modes": {"value": modes[values["width"]]}}}, **found
    )
    assert {row["modes"] for row in rows} == {"3.0", "9.0"}
    with open_storage(None, jobs.study) as storage:
        one = OptunaSearch("all", read_space(list(SPACE), []), config(**found), storage, jobs.folder_of)
        assert one.best[0].params["width"] == "16"
        assert one._study.direction.name == "MAXIMIZE"


def write_rows(folder, values):
    run = RunFolder(folder)
    run.path.mkdir(parents=True, exist_ok=True)
    lines = ["images_seen,metrics/fid", *(f"{100 * (index + 1)},{value}" for index, value in enumerate(values))]
    run.write_config({"metrics": {"every": 90}})
    run.metrics_file.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("url", STORAGES)
def test_a_run_whose_curve_is_behind_is_asked_to_stop(tmp_path, monkeypatch, url):
    asked = []
    stopped = threading.Event()

    def ask_to_stop(run, reason):
        asked.append((run.path, reason))
        run.update_record(status="pruned", reason=reason)
        stopped.set()

    monkeypatch.setattr(RunFolder, "ask_to_stop", ask_to_stop)
    jobs = Jobs(tmp_path / "study")

    def launch(batch):
        (lines,) = batch
        jobs.launched.append(lines)
        folder = jobs.folder_of(lines)
        if len(jobs.launched) <= 3:
            write_rows(folder, [50, 20, 10])
            RunFolder(folder).update_record(status="finished", final={"fid": {"value": 10.0}})
            return
        write_rows(folder, [40, 40])  # ahead at first, behind at the second row
        assert stopped.wait(10)

    with open_storage(url and url.format(tmp_path), jobs.study) as storage:
        space = read_space(list(SPACE), [])
        one = OptunaSearch("all", space, config(pruner="median", n_trials=4), storage, jobs.folder_of)
        assert run_searches([one], 1, launch, poll=0.05)
        trial = one.trials[-1]
    assert asked == [
        (jobs.folder_of(jobs.launched[3]), "fid 40 at 200 images, worse than the median of the earlier trials")
    ]
    assert trial.state.name == "PRUNED"
    assert trial.intermediate_values == {90: 40.0, 180: 40.0}
    assert one.trials[0].intermediate_values == {90: 50.0, 180: 20.0, 270: 10.0}
