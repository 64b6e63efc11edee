import csv
import math
import threading
import time

import pytest

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.search.options import SearchConfig
from gan_experiments.sweeps.search.rounds import run_searches, search_in
from gan_experiments.sweeps.search.search import OptunaSearch
from gan_experiments.sweeps.search.space import read_space
from gan_experiments.sweeps.search.storage import JOURNAL, open_storage

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'gan-experiments[optuna]'")

CONFIG = SearchConfig(
    n_trials=6, n_jobs=1, objectives=["fid"], score="final", maximize=[], per=[], sampler="tpe", startup_trials=2,
    pruner="none", warmup_images=0, seed=0, storage=None, params={},
)  # fmt: skip
SPACE = ("lr=tag(log, interval(1e-4, 1e-1))", "width=choice(8,16)", "loss=hinge", "retry=none")


def config(**changes):
    return SearchConfig(**{**vars(CONFIG), **changes})


def drawn(lines):
    return dict(line.split("=") for line in lines)


class Jobs:
    """Stands for the launcher: writes what a run would leave, as ``outcome`` says of its overrides."""

    def __init__(self, study, outcome=None):
        self.study = study
        self.outcome = outcome or (lambda values: {"status": "finished", "final": {"fid": self.fid(values)}})
        self.launched = []

    @staticmethod
    def fid(values):
        return 10 + abs(math.log10(float(values["lr"]) / 1e-2)) + 0.1 * float(values["width"])

    def folder_of(self, lines):
        return self.study / "-".join(line for line in lines if not line.startswith("retry")).replace("=", "_")

    def __call__(self, batch):
        self.launched += [tuple(lines) for lines in batch]
        for lines in batch:
            outcome = self.outcome(drawn(lines))
            if outcome is not None:
                run = RunFolder(self.folder_of(lines))
                run.write_config({"seed": 3})
                run.update_record(**outcome)


@pytest.fixture
def search(tmp_path):
    """Run a search in a folder; returns its trials and the jobs."""

    def run(folder="study", lines=SPACE, outcome=None, **changes):
        jobs = Jobs(tmp_path / folder, outcome)
        search_in(jobs.study, read_space(list(lines), changes.get("per", ())), config(**changes), jobs, jobs.folder_of)
        with (jobs.study / "trials.csv").open() as file:
            return list(csv.DictReader(file)), jobs

    return run


def drawn_and_scored(rows):
    return [(row["lr"], row["width"], row["fid"]) for row in rows]


def test_trials_are_jobs_with_their_score(search):
    rows, jobs = search()
    assert len(rows) == len(jobs.launched) == 6
    for row, lines in zip(rows, jobs.launched, strict=True):
        assert drawn(lines) | {"loss": "hinge"} == drawn(lines)
        assert float(row["fid"]) == pytest.approx(Jobs.fid(row))
        assert 1e-4 <= float(row["lr"]) <= 1e-1
        assert len(row["lr"]) <= 9  # four digits that count


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
                    status="finished", final={"fid": Jobs.fid(values)}
                )
            raise KilledError
        return {"status": "finished", "final": {"fid": Jobs.fid(values)}}

    jobs = Jobs(tmp_path / "cut", killed)
    with pytest.raises(KilledError):
        search_in(jobs.study, read_space(list(SPACE), ()), CONFIG, jobs, jobs.folder_of)
    parts, after = search("cut")
    assert drawn_and_scored(parts) == drawn_and_scored(whole)
    assert (after.launched[0] == jobs.launched[3]) != ran  # what has ended is not launched again
    assert len(after.launched) == (2 if ran else 3)


def test_an_interrupted_trial_stays_open_and_ends_the_search(search, tmp_path):
    def outcome(values):
        return {"status": "interrupted"} if len(jobs.launched) == 2 else {"status": "finished", "final": {"fid": 1.0}}

    jobs = Jobs(tmp_path / "cut", outcome)
    with pytest.raises(KeyboardInterrupt):
        search_in(jobs.study, read_space(list(SPACE), ()), CONFIG, jobs, jobs.folder_of)
    assert len(jobs.launched) == 2
    _, after = search("cut")
    assert after.launched[0] == jobs.launched[1]
    assert len(after.launched) == 5


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
        return {"status": "finished", "final": {"fid": Jobs.fid(values)}}

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


def test_retry_tries_the_failed_ones_again(search):
    search(outcome=lambda values: {"status": "failed", "reason": "no disk"}, n_trials=3)
    rows, jobs = search(lines=(*SPACE[:-1], "retry=failed"), n_trials=3)
    assert len(jobs.launched) == 3
    assert [row["state"] for row in rows] == ["finished"] * 3
    _, jobs = search(lines=(*SPACE[:-1], "retry=failed"), n_trials=3)
    assert jobs.launched == []


STORAGES = [None, "sqlite:///{}/search.db"]


@pytest.mark.parametrize("url", STORAGES)
def test_every_storage_goes_on(search, tmp_path, url):
    storage = url and url.format(tmp_path)
    first, _ = search(n_trials=2, storage=storage)
    rows, jobs = search(n_trials=3, storage=storage)
    assert drawn_and_scored(rows)[:2] == drawn_and_scored(first)
    assert len(jobs.launched) == 1


def test_a_journal_that_was_cut_off_is_mended(search, tmp_path):
    whole, _ = search("whole", n_trials=4)
    search("cut", n_trials=2)
    journal = tmp_path / "cut" / JOURNAL
    with journal.open("a") as file:
        file.write('{"op_code": 4, "half of')
    journal.with_name(f"{JOURNAL}.lock").symlink_to(journal)  # what Optuna holds while it writes
    began = time.monotonic()
    rows, _ = search("cut", n_trials=4)
    assert drawn_and_scored(rows) == drawn_and_scored(whole)
    assert time.monotonic() - began < 15


def test_a_storage_that_cannot_be_opened_is_refused(search):
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.storage: 'sqlite:////nowhere/at/all\.db' cannot be opened"):
        search(storage="sqlite:////nowhere/at/all.db")


def test_two_searches_do_not_share_a_folder(tmp_path):
    with (
        open_storage(None, tmp_path),
        pytest.raises(ConfigError, match="another process is searching"),
        open_storage(None, tmp_path),
    ):
        pass


def test_another_space_or_objective_is_refused(search):
    search(n_trials=1)
    with pytest.raises(ConfigError) as refused:
        search(lines=("lr=interval(1, 2)", "width=choice(8,16)", "loss=wasserstein"), n_trials=2, objectives=["is"])
    refusal = str(refused.value.problems)
    there = ("loss=hinge: in the existing search", "objectives: minimize fid: in the existing search")
    for part in (*there, "loss=wasserstein: here", "lr=interval(1.0, 2.0): here", "objectives: maximize is: here"):
        assert part in refusal


def test_each_value_of_an_arm_gets_a_search_of_its_own(search, capsys):
    rows, jobs = search(lines=("loss=hinge,wasserstein", *SPACE[:2]), per=["loss"], n_trials=3)
    arms = {name: [row for row in rows if row["search"] == name] for name in ("loss=hinge", "loss=wasserstein")}
    assert [len(arm) for arm in arms.values()] == [3, 3]
    hinge, wasserstein = ([(row["lr"], row["width"]) for row in arm] for arm in arms.values())
    assert hinge[:2] == wasserstein[:2]  # they begin with the same draws
    assert {drawn(lines)["loss"] for lines in jobs.launched[:2]} == {"hinge", "wasserstein"}  # and take turns
    assert capsys.readouterr().out.count("'seed=range(4,9)' name=null") == 2


def test_several_objectives_end_with_those_that_no_other_beats(search, capsys):
    def outcome(values):
        speed = 1000.0 / float(values["width"])
        return {"status": "finished", "final": {"fid": Jobs.fid(values)}, "images_per_second": speed}

    rows, _ = search(outcome=outcome, objectives=["fid", "images_per_second"], n_trials=8)
    printed = capsys.readouterr().out
    assert "Pareto-optimal trials" in printed
    scores = [(float(row["fid"]), -float(row["images_per_second"])) for row in rows]
    front = [one for one in scores if not any(a <= one[0] and b <= one[1] and (a, b) != one for a, b in scores)]
    assert all(f"{fid:,.4g}" in printed for fid, _ in front)


def test_an_objective_that_no_run_has_ends_the_search_at_once(search):
    with pytest.raises(ConfigError, match=r"no final 'fdi' \(fid\)"):
        search(objectives=["fdi"])


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
            RunFolder(folder).update_record(status="finished", final={"fid": 10.0})
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


def test_rounds_fill_the_jobs_at_a_time(search, monkeypatch):
    sizes = []
    call = Jobs.__call__
    monkeypatch.setattr(Jobs, "__call__", lambda self, batch: (sizes.append(len(batch)), call(self, batch)))
    search(n_jobs=4)
    assert sizes == [4, 2]
