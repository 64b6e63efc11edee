import inspect
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from synthetic import BUDGET, write_run, write_study

from gan_experiments.comparison.collect import collect_runs
from gan_experiments.comparison.comparison import compare
from gan_experiments.comparison.report.wording import verdict
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.results import scores

CONFIG = Path(__file__).parents[2] / "conf" / "compare.yaml"


def by_label(comparison):
    return {arm.label: arm for arm in comparison.arms}


def test_arms_are_ranked_and_summarized(study, compared):
    comparison = compared(study)
    assert [arm.label for arm in comparison.arms] == ["hinge", "minimax", "wasserstein"]
    hinge = comparison.arms[0]
    assert (hinge.count, hinge.diverged) == (5, 0)
    assert hinge.final.mean == pytest.approx(4.1)
    assert hinge.final.low == pytest.approx(4.1 - 2.776 * np.std([4.0, 4.2, 4.1, 4.3, 3.9], ddof=1) / 5**0.5, abs=1e-3)
    assert hinge.final.median == pytest.approx(4.1)
    assert 0 < hinge.gap == pytest.approx(0.1 * 4.1, abs=0.2)
    assert hinge.best.mean < 1.05 * 4.1
    assert hinge.cost["images"] == BUDGET
    assert hinge.cost["images_per_second"] == pytest.approx(1000)
    assert hinge.cost["peak_memory"] is None


def test_an_arm_whose_seeds_mostly_diverge_is_last(tmp_path, compared):
    comparison = compared(write_study(tmp_path, {"minimax": [1.0, None, None], "hinge": [90.0, 91.0, 92.0]}))
    assert [arm.label for arm in comparison.arms] == ["hinge", "minimax"]
    assert math.isinf(comparison.arms[1].final.median)


def test_all_seeds_may_diverge(tmp_path, compared):
    comparison = compared(write_study(tmp_path, {"minimax": [None] * 6, "hinge": [4.0, 4.1, 4.2, 4.3, 4.4, 4.5]}))
    assert math.isnan(comparison.arms[1].final.mean)
    (pair,) = comparison.pairs
    assert (pair.verdict, pair.improvement, math.isnan(pair.difference)) == ("better", 1.0, True)
    assert verdict(comparison)[0].endswith("better than minimax.")


def test_more_is_better_where_it_is(study, compared):
    comparison = compared(study, measure="is")
    assert [arm.label for arm in comparison.arms] == ["hinge", "minimax", "wasserstein"]
    assert comparison.arms[0].final.mean == pytest.approx(9 - 4.1 / 20)
    (pair,) = [pair for pair in comparison.pairs if pair.second == "wasserstein" and pair.first == "hinge"]
    assert pair.difference > 0
    assert pair.low < pair.difference < pair.high
    turned = compared(study, measure="is", better="lower")
    assert turned.arms[0].label == "wasserstein"


def test_a_baseline_needs_fewer_comparisons(study, compared):
    comparison = compared(study, baseline="wasserstein")
    assert [(pair.first, pair.second, pair.verdict) for pair in comparison.pairs] == [
        ("hinge", "wasserstein", "better"),
        ("minimax", "wasserstein", "too close to call"),
    ]
    assert comparison.family == 2
    text = verdict(comparison)
    assert text[0] == "Against the baseline wasserstein: hinge is better; minimax is too close to call."
    assert text[1].startswith("Estimated seeds per arm for a verdict, if the observed differences are real: ")


def test_the_usual_threshold_is_the_median_best_of_the_baseline_or_of_the_worst_arm(study, compared):
    comparison = compared(study)
    assert comparison.threshold == pytest.approx(by_label(comparison)["wasserstein"].best.median)
    comparison = compared(study, baseline="hinge")
    assert comparison.threshold == pytest.approx(by_label(comparison)["hinge"].best.median)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"measure": "fdi"}, "measure: no run has logged 'fdi'; did you mean 'fid'? (fid, is)"),
        (
            {"baseline": "hing"},
            "baseline: no arm is called 'hing'; did you mean 'hinge'? (hinge, minimax, wasserstein)",
        ),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(study, compared, options, text):
    with pytest.raises(ConfigError) as caught:
        compared(study, **options)
    assert text in str(caught.value)


def test_a_baseline_is_refused_where_only_seeds_differ(tmp_path, compared):
    write_run(tmp_path / "one", seed=0)
    with pytest.raises(ConfigError, match=r"baseline: no arm is called 'hinge': there is only one run, so there is"):
        compared(tmp_path, baseline="hinge")
    write_run(tmp_path / "two", seed=1)
    with pytest.raises(ConfigError, match=r"'hinge': the 2 runs here differ in nothing but the seed, so there is noth"):
        compared(tmp_path, baseline="hinge")


def test_a_study_without_values_is_refused(tmp_path, compared):
    write_run(tmp_path / "one", status="failed")
    write_run(tmp_path / "two", status="running", seed=1)
    with pytest.raises(ConfigError, match=r"no run has a final fid \(2 runs, failed, running\)"):
        compared(tmp_path)


def test_the_defaults_are_those_of_the_command():
    config = yaml.safe_load(CONFIG.read_text())
    defaults = {name: each.default for name, each in inspect.signature(compare).parameters.items()}
    assert config == {**defaults, "output": None, "logger": None, "defaults": ["_self_"]}


def test_a_study_can_be_a_folder_run_folders_or_collected_runs(study):
    folders = [path for path in sorted(study.iterdir()) if "minimax" not in path.name]
    for source in (folders, map(str, folders), collect_runs(folders)):
        comparison = compare(source, baseline="hinge")
        assert [arm.label for arm in comparison.arms] == ["hinge", "wasserstein"]
        assert [pair.verdict for pair in comparison.pairs] == ["worse"]
    assert [arm.label for arm in compare(str(study)).arms] == ["hinge", "minimax", "wasserstein"]
    runs = [f"{study}/*hinge*", f"{study}/*wasserstein*"]
    assert [arm.label for arm in compare(runs=runs).arms] == ["hinge", "wasserstein"]
    assert len(compare(runs=f"{study}/*").arms) == 3
    for given in ({}, {"study": study, "runs": runs}):
        with pytest.raises(ConfigError, match="give the folder of a study, or runs="):
            compare(**given)


def with_modes(folder, directions):
    """Write runs of two losses, the better of which covers more modes."""
    for loss, modes in {"hinge": 3, "minimax": 8}.items():
        for seed in range(4):
            final = {"modes": {"value": modes + 0.1 * seed}}
            measures = {"known": {"values": ["modes"]} | directions}
            record = {"final": final, "evaluation": {"measures": measures}}
            write_run(folder / f"{loss}-{seed}", loss, seed, record=record)
    return folder


def test_the_arm_with_more_modes_is_first(tmp_path, compared):
    comparison = compared(with_modes(tmp_path, {"higher_is_better": {"modes": True}}), measure="modes")
    assert [arm.label for arm in comparison.arms] == ["minimax", "hinge"]
    assert comparison.criterion.higher_is_better


def test_a_direction_that_no_record_says_is_asked_for(tmp_path, compared):
    study = with_modes(tmp_path, {})
    with pytest.raises(
        ConfigError, match=r"no record says whether higher modes is better; set better=lower or better=h"
    ):
        compared(study, measure="modes")
    assert compared(study, measure="modes", better="higher").arms[0].label == "minimax"


def test_directions_that_contradict_each_other_are_refused(tmp_path, compared):
    study = with_modes(tmp_path, {"higher_is_better": {"modes": True}})
    other = {"measures": {"known": {"values": ["modes"], "higher_is_better": {"modes": False}}}}
    write_run(study / "other", seed=9, record={"final": {"modes": {"value": 4.0}}, "evaluation": other})
    with pytest.raises(ConfigError, match="runs disagree on whether higher modes is better"):
        compared(study, measure="modes", allow_incomparable=True)


def test_an_evaluation_made_afterwards_can_be_compared(study, compared):
    """The order of the arms is turned round by it; a run that diverged needs none."""
    for run in collect_runs(sorted(study.iterdir())).runs:
        if run.status == "finished":
            how = {"samples": 50_000, "features": {"fid": {"values": ["fid"], "higher_is_better": {"fid": False}}}}
            final = {"fid": {"value": 100 - scores(run.record)["fid"]}}
            run.folder.update_record(evaluations={"later": {"final": final, "evaluation": how}})
    before, after = compared(study), compared(study, evaluation="later")
    finished = [[arm.label for arm in each.arms if not arm.diverged] for each in (before, after)]
    assert finished[1] == finished[0][::-1] != finished[0]
    assert after.arms[0].outcomes != before.arms[0].outcomes
    assert "later FID" in repr(after)
    assert math.isnan(after.threshold)
    with pytest.raises(ConfigError, match="score: later is one evaluation"):
        compared(study, evaluation="later", score="best")
