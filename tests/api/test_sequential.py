"""Rounds of a study, with a stand-in for the launcher that writes records."""

import math

import pytest

from gan_experiments.api.sequential import SequentialStudy
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.stop_rule import read_rule
from gan_experiments.sweeps.sequential import SequentialConfig

FIDS = {"good": 0.0, "bad": 9.0, "fair": 0.1}
EVALUATION = {"features": {"fid": {"values": ["fid"], "higher_is_better": {"fid": False}}}}


def config(**options):
    fields = {
        "baseline": None,
        "max_seeds": 9,
        "first_seeds": 6,
        "rounds": 2,
        "smallest_difference": None,
        "futility": 0.0,
        "stop_within_runs": False,
    }
    return SequentialConfig(
        **{**fields, "measure": "fid", "score": "final", "better": "known", "params": {}, **options}
    )


class Launcher:
    """Writes the record of each job; ``ends`` says how some of them end, by arm and seed."""

    def __init__(self, study, ends=None):
        self.study, self.ends, self.batches = study, ends or {}, []

    def folder_of(self, overrides):
        return self.study / "-".join(overrides).replace("=", "_")

    def __call__(self, batch):
        self.batches.append([tuple(lines) for lines in batch])
        for _, arm, seed in batch:
            name, number = arm.partition("=")[2], int(seed.partition("=")[2])
            status = self.ends.get((name, number), "finished")
            value = FIDS[name] + math.sin(7.0 * number + sum(map(ord, name))) / 2
            run = RunFolder(self.folder_of((_, arm, seed)))
            known = {"evaluation": EVALUATION, "budget": {"images": 100}}
            rule = read_rule(run)
            if rule is not None:
                rule.look(50, 100, value + 20)
                known |= {"stopped": rule.stopped}
                status = "stopped" if rule.stopped else status
            run.update_record(status=status, final={"fid": {"value": value}} if status == "finished" else None, **known)
            if status == "failed":  # before it could write more
                continue
            run.write_config({"seed": number, "budget": {"images": 100}})
            run.metrics_file.write_text(f"images_seen,metrics/fid\n50,{value + 20}\n100,{value}\n")


@pytest.fixture
def study(tmp_path):
    def run(*arms, ends=None, fixed="d_steps=1", **options):
        launcher = Launcher(tmp_path / "study", ends)
        lines = {arm: [f"loss={arm}"] for arm in arms}
        made = SequentialStudy(launcher.study, [fixed], lines, config(**options), launcher, launcher.folder_of)
        return made.run(), launcher

    return run


def test_seeds_are_added_to_the_arms_in_question(study, capsys):
    interim, launcher = study("good", "bad", "fair")
    first, second = launcher.batches
    assert len(first) == 18
    assert sorted(second) == sorted(
        ("d_steps=1", f"loss={arm}", f"seed={seed}") for arm in ("good", "fair") for seed in (6, 7, 8)
    )
    assert interim.open == ["good", "fair"]
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "after 6 seeds: good is better than bad; bad is worse than fair; open: good and fair"
    assert told[1] == "after 9 seeds: good is better than bad; bad is worse than fair; undecided: good and fair"


def test_arms_of_one_verdict_are_told_together(study, capsys, monkeypatch):
    monkeypatch.setitem(FIDS, "worst", 12.0)
    study("good", "bad", "worst", baseline="good")
    assert capsys.readouterr().out == "after 6 seeds: bad and worst are worse than good; nothing is open\n"


def test_a_settled_study_stops(study, capsys):
    interim, launcher = study("good", "bad", baseline="good")
    assert (interim.verdicts, interim.open) == ({("bad", "good"): "worse"}, [])
    assert len(launcher.batches) == 1
    assert capsys.readouterr().out == "after 6 seeds: bad is worse than good; nothing is open\n"


def test_a_study_that_is_interrupted_goes_on_as_planned(study):
    with pytest.raises(KeyboardInterrupt):
        study("good", "fair", ends={("fair", 3): "interrupted"})
    interim, launcher = study("good", "fair")
    assert launcher.batches[0] == [("d_steps=1", "loss=fair", "seed=3")]
    again, launcher = study("good", "fair")
    assert (again, launcher.batches) == (interim, [])
    with pytest.raises(ConfigError, match=r"smallest_difference: None in the plan"):
        study("good", "fair", smallest_difference=1.0)


def test_diverged_runs_are_infinitely_bad_and_failed_ones_missing(study):
    ends = {("fair", seed): "diverged" for seed in range(9)} | {("good", 2): "failed"}
    interim, _ = study("good", "fair", ends=ends)
    assert interim.verdicts == {("good", "fair"): "better"}
    _, launcher = study("good", "fair", fixed="retry=failed")
    assert ("retry=failed", "loss=good", "seed=2") in launcher.batches[0]


def test_higher_can_be_better(study):
    interim, _ = study("good", "bad", better="higher")
    assert interim.verdicts == {("good", "bad"): "worse"}


def test_runs_that_cannot_come_near_the_baseline_are_stopped_from_the_second_round_on(study, capsys):
    options = {"baseline": "good", "stop_within_runs": True, "first_seeds": 4, "max_seeds": 7}
    interim, launcher = study("good", "bad", "fair", **options)
    assert interim.verdicts[("bad", "good")] == "worse"
    rules = {path.parent.name for path in launcher.study.glob("*/stop_rule.json")}
    assert rules == {f"d_steps_1-loss_{arm}-seed_{seed}" for arm in ("bad", "fair") for seed in (4, 5, 6)}
    records = {path.parent.name: RunFolder(path.parent).record() for path in launcher.study.glob("*/record.json")}
    stopped = {name for name, record in records.items() if record["status"] == "stopped"}
    assert stopped == {f"d_steps_1-loss_bad-seed_{seed}" for seed in (4, 5, 6)}
    assert "runs stop that cannot reach 1.7" in capsys.readouterr().out
    again, launcher = study("good", "bad", "fair", **options)
    assert (again, launcher.batches) == (interim, [])
    with pytest.raises(ConfigError, match="stop_within_runs: True in the plan"):
        study("good", "bad", "fair", **options | {"stop_within_runs": False})


def test_a_study_says_why_no_run_can_be_stopped(study, capsys):
    study("good", "fair", stop_within_runs=True, first_seeds=3)
    assert "no run is stopped: too few have periodic values" in capsys.readouterr().out


def test_what_no_run_has_measured_ends_the_study(study):
    with pytest.raises(ConfigError, match=r"hydra.sweeper.measure: a finished run has no final 'kid' \(fid\)"):
        study("good", "bad", measure="kid")


def test_nothing_is_written_where_no_verdict_can_come_of_it(study, tmp_path):
    with pytest.raises(ConfigError, match="2 seeds are too few"):
        study("good", "bad", max_seeds=2, first_seeds=2)
    assert not (tmp_path / "study").exists()


def test_the_best_score_is_that_of_the_comparison(study, tmp_path):
    """The best value of the measure itself, not its value where another measure selected the best checkpoint."""
    interim, launcher = study("good", "bad", score="best")
    assert interim.verdicts == {("good", "bad"): "better"}
    for folder in launcher.study.glob("*good*"):
        RunFolder(folder).update_record(best={"fid": 100.0, "other": 0.0, "images_seen": 50})
    assert study("good", "bad", score="best")[0].verdicts == {("good", "bad"): "better"}
