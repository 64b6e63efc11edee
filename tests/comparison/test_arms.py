import math

import numpy as np
import pytest
from synthetic import EVERY


def by_label(comparison):
    return {arm.label: arm for arm in comparison.arms}


def diverge(file):
    """Let all evaluations of a run be infinite."""
    head, *rows = file.read_text().splitlines()
    file.write_text("\n".join([head, *(f"{row.split(',')[0]},0.7,1,inf,1" for row in rows)]) + "\n")


def test_diverged_seeds_are_kept_as_the_worst(study, compared):
    minimax = by_label(compared(study))["minimax"]
    assert (minimax.count, minimax.diverged) == (5, 2)
    assert minimax.final.mean == pytest.approx(5.1), "over those that did not"
    assert minimax.final.median == 5.2, "over all"
    (pair,) = [pair for pair in compared(study).pairs if {pair.first, pair.second} == {"minimax", "wasserstein"}]
    assert pair.improvement == pytest.approx(3 / 5)


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


def test_without_a_threshold_nothing_is_said_of_reaching_it(study, compared):
    for file in study.glob("*/metrics.csv"):
        diverge(file)
    hinge = by_label(compared(study))["hinge"]
    assert all(map(math.isnan, (hinge.reached, hinge.reached_images, hinge.reached_seconds)))


def test_a_time_that_some_runs_have_not_logged_is_unknown(study, compared):
    for file in study.glob("*hinge-seed_[03]/metrics.csv"):
        file.write_text(file.read_text().replace("speed/seconds", "speed/other"))
    assert math.isnan(by_label(compared(study, threshold=8.5))["hinge"].reached_seconds)


def test_a_run_whose_evaluations_are_all_infinite_is_infinitely_bad(study, compared):
    (file,) = study.glob("*hinge-seed_0/metrics.csv")
    diverge(file)
    hinge = by_label(compared(study, score="best"))["hinge"]
    assert (hinge.count, hinge.diverged) == (5, 1)
