import inspect
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from synthetic import BUDGET, EVERY, write_run, write_study

from gan_experiments.compare.collect import collect_runs
from gan_experiments.compare.comparison import compare
from gan_experiments.compare.report.wording import verdict
from gan_experiments.core.types import ConfigError

CONFIG = Path(__file__).parents[2] / "conf" / "compare" / "compare.yaml"


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


def test_diverged_seeds_are_kept_as_the_worst(study, compared):
    minimax = by_label(compared(study))["minimax"]
    assert (minimax.count, minimax.diverged) == (5, 2)
    assert minimax.final.mean == pytest.approx(5.1), "over those that did not"
    assert minimax.final.median == 5.2, "over all"
    (pair,) = [pair for pair in compared(study).pairs if {pair.first, pair.second} == {"minimax", "wasserstein"}]
    assert pair.improvement == pytest.approx(3 / 5)


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


def test_the_best_periodic_evaluations_can_be_compared(study, compared):
    final, best = compared(study), compared(study, score="best")
    assert final.arms[0].outcomes != best.arms[0].outcomes
    assert np.mean(list(best.arms[0].outcomes.values())) == pytest.approx(best.arms[0].best.mean)


def test_the_time_to_a_threshold(study, compared):
    comparison = compared(study, threshold=8.5)
    hinge, minimax, wasserstein = (by_label(comparison)[name] for name in ("hinge", "minimax", "wasserstein"))
    curve = next(iter(hinge.arm.runs.values())).curves["fid"]
    reached = curve.images[(curve.values <= 8.5).argmax()]
    assert hinge.reached == 1.0
    assert hinge.reached_images == pytest.approx(reached, abs=EVERY)
    assert hinge.reached_seconds == pytest.approx(hinge.reached_images / 1000)
    assert minimax.reached == pytest.approx(0.6)
    assert wasserstein.reached < 0.5
    assert math.isinf(wasserstein.reached_images)


def test_the_usual_threshold_is_the_median_best_of_the_baseline_or_of_the_worst_arm(study, compared):
    comparison = compared(study)
    assert comparison.threshold == pytest.approx(by_label(comparison)["wasserstein"].best.median)
    comparison = compared(study, baseline="hinge")
    assert comparison.threshold == pytest.approx(by_label(comparison)["hinge"].best.median)


def test_pairs_go_by_seed(tmp_path, compared):
    """A difference that every seed shows, far smaller than that between seeds."""
    seeds = [4.0, 9.0, 6.0, 12.0, 8.0, 15.0, 5.0]
    study = write_study(tmp_path, {"hinge": seeds, "minimax": [value + 0.3 + 0.01 * value for value in seeds]})
    (pair,) = compared(study).pairs
    assert (pair.paired, pair.verdict, pair.p) == (True, "better", 2 / 2**7)
    assert pair.high < 0
    (study / "digits-dcgan-loss_minimax-seed_0" / "record.json").unlink()
    (pair,) = compared(study).pairs
    assert (pair.paired, pair.verdict, pair.seeds) == (False, "too close to call", (7, 6))


def test_many_arms_meet_the_best_and_count_as_all_pairs(tmp_path, compared):
    for arm in range(10):
        for seed in range(3):
            config = {"loss.weight": f"w{arm}"}
            write_run(tmp_path / f"{arm}-{seed}", seed=seed, fid=4.0 + arm + 0.1 * seed, config=config)
    comparison = compared(tmp_path)
    assert (len(comparison.pairs), comparison.family) == (9, 45)
    assert {pair.first for pair in comparison.pairs} == {"w0"}


def test_one_seed_is_reported_without_tests(tmp_path, compared):
    comparison = compared(write_study(tmp_path, {"hinge": [4.0], "minimax": [5.0]}))
    (text,) = verdict(comparison)
    assert text.startswith("Nothing is tested: with one seed per arm, a difference between two runs says nothing")
    assert text.endswith("At least 4 seeds per arm are needed for a verdict.")
    assert [pair.verdict for pair in comparison.pairs] == ["not tested"]


def test_too_few_seeds_are_said_with_the_number_that_would_do(tmp_path, compared):
    fids = {"hinge": [4.0, 4.1], "minimax": [9.0, 9.1], "wasserstein": [20.0, 20.1]}
    text = " ".join(verdict(compared(write_study(tmp_path, fids))))
    assert "With 2 seeds no difference can be significant, however large" in text
    assert "3 comparisons need at least 5 seeds per arm, a single one 4" in text


def test_an_arm_with_the_best_median_and_a_bad_mean_is_no_winner(tmp_path, compared):
    fids = {"hinge": [3.9] * 8 + [50.0] * 7, "minimax": [4.0 + 0.001 * seed for seed in range(15)]}
    comparison = compared(write_study(tmp_path, fids))
    assert comparison.pairs[0].verdict == "worse"
    assert "not significantly better than any other arm; worse than minimax in its mean." in verdict(comparison)[0]


def test_a_baseline_without_an_end_is_said(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0, 4.2], "wasserstein": [5.0, 5.1]})
    write_run(study / "m", "minimax", status="running")
    text = verdict(compared(study, baseline="minimax"))
    assert text == ["The baseline minimax has no run that has ended, so nothing is compared."]


def test_single_seeds_beside_several_are_said(tmp_path, compared):
    text = verdict(compared(write_study(tmp_path, {"hinge": [4.0, 4.2], "wasserstein": [5.0]})))
    assert text == ["Nothing is tested: no two arms have at least two runs each that have ended."]


def test_one_arm_is_reported(tmp_path, compared):
    text = verdict(compared(write_study(tmp_path, {"hinge": [4.0, 4.2]})))
    assert text == [
        "The runs reach final FID 4.100 [2.829, 5.371] (2 seeds). There is only one arm, so nothing is compared."
    ]


def test_arms_with_no_finished_run_do_not_stop_the_others(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0, 4.2, 4.1]})
    write_run(study / "m", "minimax", status="failed")
    comparison = compared(study)
    assert comparison.pairs == []
    assert verdict(comparison) == ["Only hinge has runs that have ended, so nothing is compared."]
    text = verdict(compared(study, baseline="minimax"))
    assert text == ["Only hinge has runs that have ended, so nothing is compared."]


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


def test_a_study_without_values_is_refused(tmp_path, compared):
    write_run(tmp_path / "one", status="failed")
    write_run(tmp_path / "two", status="running", seed=1)
    with pytest.raises(ConfigError, match=r"no run has a final fid \(2 runs, failed, running\)"):
        compared(tmp_path)


def test_the_defaults_are_those_of_the_command():
    config = yaml.safe_load(CONFIG.read_text())
    defaults = {name: each.default for name, each in inspect.signature(compare).parameters.items()}
    assert {**config, "study": inspect.Parameter.empty} == {**defaults, "output": None, "defaults": ["_self_"]}


def test_a_study_can_be_a_folder_run_folders_or_collected_runs(study):
    folders = [path for path in sorted(study.iterdir()) if "minimax" not in path.name]
    for source in (folders, map(str, folders), collect_runs(folders)):
        comparison = compare(source, baseline="hinge")
        assert [arm.label for arm in comparison.arms] == ["hinge", "wasserstein"]
        assert [pair.verdict for pair in comparison.pairs] == ["worse"]
    assert [arm.label for arm in compare(str(study)).arms] == ["hinge", "minimax", "wasserstein"]
