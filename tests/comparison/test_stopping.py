import math

import numpy as np
import pytest
from synthetic import BUDGET, write_run, write_study

from gan_experiments.comparison.comparison import compare
from gan_experiments.comparison.difference import compare_values
from gan_experiments.comparison.report.tables import tables
from gan_experiments.comparison.sequential import Plan, look_at
from gan_experiments.comparison.stopping import AtBest, Course, compare_outcomes, learn_rule, stoppable
from gan_experiments.core.types import ConfigError

SHARES = np.array([0.2, 0.6, 1.0])


def course(final, early=30.0, late=10.0):
    return Course(SHARES, np.array([final + early, final + late, final]), final)


def arm(*finals, **heights):
    return [course(final, **heights) for final in finals]


def test_a_stopped_run_counts_as_the_best_that_it_could_have_reached_and_no_other_as_worse():
    base = [1.0, 1.2, 0.9, 1.1, 1.3, 1.0]
    first, second, result = compare_outcomes([30.0, 28.0, 33.0, AtBest(12.0), AtBest(9.0), 31.0], base, True)
    assert list(first) == [9.0] * 6
    same = compare_values([9.0] * 6, base, True)
    assert (result.p, result.low, result.high) == (same.p, same.low, math.inf)
    turned = compare_outcomes(base, [30.0, 28.0, 33.0, AtBest(12.0), AtBest(9.0), 31.0], True)[2]
    assert (turned.p, turned.low, turned.high, turned.ahead) == (same.p, -math.inf, -same.low, True)
    assert list(second) == base


def test_an_arm_with_stopped_runs_is_never_better():
    worse = [50.0, 51.0, 49.0, 50.5, 50.2, 49.9]
    unshown = compare_outcomes([30.0, 30.1, 30.2, 30.1, 29.9, AtBest(12.0)], worse, True)[2]
    assert (unshown.p, unshown.p_if_normal) == (1.0, 1.0)
    assert compare_outcomes(worse, [30.0, 30.1, 30.2, 30.1, 29.9, AtBest(12.0)], True)[2].p == 1.0
    diverged = compare_outcomes([math.inf] * 5 + [AtBest(12.0)], [1.0, 1.2, 0.9, 1.1, 1.3, 1.0], True)[2]
    assert diverged.p < 0.05
    assert math.isnan(diverged.high)


def test_a_run_may_improve_by_more_than_any_has_and_must_come_near_the_baseline():
    courses = {"base": arm(1.0, 2.0, 1.5, 1.2), "slow": arm(9.0, 8.0, 9.5, late=14.0), "bad": arm(40.0, 41.0, 39.0)}
    outcomes = {label: [run.final for run in runs] for label, runs in courses.items()}
    rule = learn_rule(courses, outcomes, "base", "fid", sign=-1.0)  # differences
    assert [share for share, _ in rule.gains] == [0.2, 0.6]
    assert [gain for _, gain in rule.gains] == pytest.approx([30.0, 2 * 14.0 - 10.0])
    assert (rule.against, rule.limit, rule.higher_is_better) == ("base", -6.0, True)
    assert stoppable(courses, rule) == ["slow", "bad"]
    ratios = learn_rule(courses, outcomes, None, "fid")
    assert (ratios.logarithmic, ratios.against, ratios.limit) == (True, "base", 6.0)
    assert ratios.gains[1][1] == pytest.approx(2 * math.log(11 / 1) - (math.log(22 / 8) + math.log(23 / 9)) / 2)
    assert stoppable({**courses, "bad": courses["bad"][:2]}, rule) == ["slow"]
    last = {label: [Course(run.shares[2:], run.values[2:], run.final) for run in arm] for label, arm in courses.items()}
    assert learn_rule(last, outcomes, "base", "fid") is None  # which has nothing to stop a run by


@pytest.mark.parametrize("lost", [math.inf, AtBest(1.0)])
def test_without_enough_finished_runs_there_is_no_rule(lost):
    courses = {"base": arm(*range(1, 6)), "bad": arm(*range(40, 45))}
    outcomes = {label: [run.final for run in runs] for label, runs in courses.items()}
    assert learn_rule(courses, outcomes, "base", "fid")
    assert learn_rule(courses, {**outcomes, "base": [1.0, lost]}, "base", "fid") is None
    assert learn_rule({**courses, "bad": courses["bad"][1:]}, outcomes, "base", "fid") is None


def stopped_run(folder, loss, seed, bound):
    record = {"stopped": {"measure": "fid", "value": 60.0, "bound": bound, "images_seen": BUDGET // 2}}
    return write_run(folder / f"{loss}-{seed}", loss, seed, status="stopped", record=record)


@pytest.fixture
def study(tmp_path):
    folder = write_study(tmp_path / "losses", {"hinge": [4.0, 4.2, 4.1, 4.3, 3.9], "wasserstein": [40.0, 41.0, 39.0]})
    for seed in (3, 4):
        stopped_run(folder, "wasserstein", seed, 20.0 + seed)
    return folder


def test_stopped_runs_are_shown_and_counted(study):
    found = compare(study, baseline="hinge")
    (pair,) = found.pairs
    assert (pair.verdict, pair.high, pair.seeds) == ("worse", math.inf, (5, 5))
    assert pair.difference == pytest.approx(23.0 - 4.1)
    worse = found.arms[1]
    assert (worse.label, worse.count, worse.stopped) == ("wasserstein", 5, 2)
    assert math.isnan(worse.final.mean)
    assert worse.final.median == 39.0
    assert "2 of 10 runs were stopped by their curves, after 200,000 of 400,000 images" in "\n".join(found.warnings)
    ranking, pairs = tables(found)[:2]
    assert ranking.rows[1][1] == "5, 2 stopped"
    assert pairs.rows[0][3].endswith(", inf]")


def test_no_number_of_seeds_decides_where_a_bound_does_not(tmp_path):
    folder = write_study(tmp_path / "losses", {"hinge": [4.0, 4.2, 4.1, 4.3, 3.9], "wasserstein": [9.0, 9.2, 9.1, 9.3]})
    stopped_run(folder, "wasserstein", 4, 3.5)
    (pair,) = compare(folder, baseline="hinge").pairs
    assert (pair.verdict, pair.seeds_needed) == ("too close to call", None)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"measure": "is"}, "measure: 2 runs were stopped by their fid"),
        ({"score": "best"}, "score: 2 runs were"),
        ({"better": "higher"}, "better: 2 runs were"),
    ],
)
def test_what_is_not_known_of_stopped_runs_is_refused(study, options, problem):
    with pytest.raises(ConfigError, match=problem):
        compare(study, **options)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [1.0, 5.0])
def test_few_studies_without_a_difference_report_one_where_runs_are_stopped(spread):
    """100 studies of two arms against a baseline, with curves; benchmarks/sequential.py has more."""
    rng, false, stopped = np.random.default_rng(1), 0, 0
    plan = Plan((4, 14), {name: [] for name in "abc"}, "a", "fid", "final", None)
    for _ in range(100):
        finals = rng.standard_normal((3, 14)) * np.array([[1.0], [spread], [spread]])
        curves = finals[..., None] + 10 * (1 - SHARES[:2]) ** 2 + 0.5 * rng.standard_normal((3, 14, 2))
        outcomes: dict[str, dict[int, float]] = {name: {} for name in plan.arms}
        rule = None
        for count in plan.looks:
            for name, own, values in zip(plan.arms, finals, curves, strict=True):
                for seed in range(len(outcomes[name]), count):
                    outcomes[name][seed] = own[seed]
                    for share, value in zip((20, 60), values[seed], strict=False) if rule and name != "a" else ():
                        rule.stopped or rule.look(share, 100, value)
                    if rule and rule.stopped:
                        outcomes[name][seed], stopped = AtBest(rule.stopped["bound"]), stopped + 1
                        rule.stopped = {}
            courses = {
                name: [Course(SHARES[:2], curves[row, seed], end) for seed, end in outcomes[name].items()
                       if not isinstance(end, AtBest)]
                for row, name in enumerate(plan.arms)
            }  # fmt: skip
            rule = learn_rule(courses, {name: list(ends.values()) for name, ends in outcomes.items()}, "a", "fid")
        false += bool(look_at(plan, outcomes).verdicts)
    assert stopped > 0 or spread == 1
    assert false <= 100 * 0.05 + 2 * (100 * 0.05 * 0.95) ** 0.5
