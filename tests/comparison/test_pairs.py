import math
from types import SimpleNamespace

import numpy as np
import pytest
from synthetic import write_run, write_study

from gan_experiments.comparison import pairs
from gan_experiments.comparison.pairs import compare_arms, pairs_to_test

STUDIES = 250
SLACK = 3 * math.sqrt(0.05 * 0.95 / STUDIES)  # three standard errors of a share of 5 %


def arms(values):
    """Return what a comparison sees of arms: seeds from 0 on, smaller is better."""
    return [
        SimpleNamespace(
            label=label, count=len(scores), outcomes={(str(seed),): score for seed, score in enumerate(scores)}
        )
        for label, scores in values.items()
    ]


def verdicts(values, baseline=None):
    return [pair.verdict for pair in compare_arms(*pairs_to_test(arms(values), baseline), sign=1.0)]


@pytest.mark.parametrize("count", [3, 5, 8])
@pytest.mark.parametrize("baseline", [None, "a"])
@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_without_a_difference_a_study_rarely_finds_one(count, baseline, shared, monkeypatch):
    """Whether or not a seed helps or hurts all arms alike; three arms, so three or two comparisons."""
    monkeypatch.setattr(pairs, "seeds_needed", lambda *_: None)
    draw = np.random.default_rng(count)
    significant = 0
    for _ in range(STUDIES):
        common = math.sqrt(shared) * draw.normal(size=count)
        values = {label: list(10 + common + math.sqrt(1 - shared) * draw.normal(size=count)) for label in "abc"}
        significant += bool({"better", "worse"} & set(verdicts(values, baseline)))
    assert significant / STUDIES <= 0.05 + SLACK


def test_without_a_difference_divergence_is_no_reason(monkeypatch):
    monkeypatch.setattr(pairs, "seeds_needed", lambda *_: None)
    draw = np.random.default_rng(1)
    significant = 0
    for _ in range(STUDIES):
        values = {label: np.where(draw.random(6) < 0.3, np.inf, draw.normal(10, 1, 6)) for label in "ab"}
        significant += bool({"better", "worse"} & set(verdicts(values)))
    assert significant / STUDIES <= 0.05 + SLACK


def test_pairs_go_by_seed(tmp_path, compared):
    """A difference that every seed shows, far smaller than that between seeds."""
    seeds = [4.0, 9.0, 6.0, 12.0, 8.0, 15.0, 5.0]
    study = write_study(tmp_path, {"hinge": seeds, "minimax": [value + 0.3 + 0.01 * value for value in seeds]})
    (pair,) = compared(study).pairs
    assert (pair.paired, pair.verdict) == (True, "better")
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


def test_few_seeds_stay_honest():
    """However far arms are apart, no test of three seeds each gets below 10 %."""
    values = {"a": [1.0, 1.1, 1.2], "b": [100.0, 110.0, 120.0]}
    (pair,) = compare_arms(*pairs_to_test(arms(values), None), sign=1.0)
    assert (pair.p, pair.verdict) == (pytest.approx(0.1), "too few seeds")
    assert pair.seeds_needed == 4
    (pair,) = compare_arms(*pairs_to_test(arms({"a": [1.0], "b": [100.0]}), None), sign=1.0)
    assert (pair.verdict, pair.seeds_needed) == ("not tested", None)
    assert math.isnan(pair.p)
    assert pair.difference == -99.0


def test_few_seeds_are_enough_once_other_verdicts_have_left_them_a_level():
    """Three seeds against five: too few for one of two comparisons (p * 2 > 0.05), but not for the last one left."""
    values = {"base": [1.0, 1.01, 1.02, 1.03, 1.04], "far": [100.0, 100.01, 100.02, 100.03, 100.04]}
    values["few"] = [50.0, 50.01, 50.02]
    tested = compare_arms(*pairs_to_test(arms(values), "base"), sign=1.0)
    assert [(pair.first, pair.verdict) for pair in tested] == [("far", "worse"), ("few", "worse")]
    assert tested[1].adjusted == pytest.approx(2 / math.comb(8, 3))
    assert tested[1].seeds_needed is None
