import math

import numpy as np
import pytest
import yaml
from scipy import stats
from synthetic import write_study

from gan_experiments.comparison.comparison import compare
from gan_experiments.comparison.difference import compare_values
from gan_experiments.comparison.report.tables import tables
from gan_experiments.comparison.report.wording import seeds_needed_text, verdict
from gan_experiments.comparison.sequential import Plan, keep_plan, look_at, read_plan
from gan_experiments.comparison.spending import level_of_look, p_of_study
from gan_experiments.core.types import ConfigError

LOOKS = (6, 8, 11, 15, 20)


def plan_of(*arms, **options):
    fields = {"looks": LOOKS, "baseline": None, "measure": "fid", "score": "final", "smallest_difference": None}
    return Plan(**{**fields, "arms": {arm: [f"loss={arm}"] for arm in arms}, **options})


def values(mean, count, seed=0, spread=1.0):
    return dict(enumerate(mean + spread * np.random.default_rng(seed).standard_normal(count)))


def test_only_looks_that_both_arms_have_reached_count():
    plan = plan_of("a", "b")
    first, second = values(0, 8), values(5, 20, seed=1)
    look = plan.test(first, second)
    assert (len(look.first), len(look.second), look.matched) == (8, 8, True)
    assert look.result == plan.test(first, values(5, 8, seed=1)).result
    assert plan.test(first, {0: 1.0}) is None


@pytest.mark.parametrize("apart", [1.5, 2.5])  # more, and the p value of so few seeds is the smallest that it can be
def test_a_look_is_the_test_of_a_fixed_design_at_a_level_of_its_own(apart):
    first, second = values(0, 6), values(apart, 6, seed=1)
    result = plan_of("a", "b").test(first, second).result
    level = level_of_look(LOOKS, 0, 0.05)
    fixed = compare_values(list(first.values()), list(second.values()), True, level)
    assert (result.low, result.high, result.ahead) == (fixed.low, fixed.high, fixed.ahead)
    assert result.p == p_of_study(LOOKS, 0, fixed.p)
    assert (result.p <= 0.05) == (result.high < 0) == (fixed.p <= level)


def test_later_looks_cannot_take_back_what_an_early_one_has_shown():
    plan, first, second = plan_of("a", "b"), values(0, 8), values(8, 8, seed=1)
    early = plan.test(first, second).result
    assert early.p < 0.01
    late = plan.test(first | dict.fromkeys(range(8, 20), 8.0), second | dict.fromkeys(range(8, 20), 0.0)).result
    assert late.p <= early.p
    assert late.high < 0


def test_against_a_baseline_settled_arms_get_no_more_seeds():
    plan = plan_of("base", "good", "bad", "same", baseline="base")
    outcomes = {"base": values(5, 8), "good": values(-5, 8, 1), "bad": values(15, 8, 2), "same": values(5, 8, 3)}
    interim = look_at(plan, outcomes)
    assert interim.verdicts == {("good", "base"): "better", ("bad", "base"): "worse"}
    assert interim.open == ["base", "same"]


def test_without_a_baseline_an_arm_that_cannot_win_is_dropped():
    outcomes = {"one": values(0, 8), "other": values(0, 8, 1), "bad": values(9, 8, 2), "worse": values(9, 8, 3)}
    interim = look_at(plan_of(*outcomes), outcomes)
    assert interim.open == ["one", "other"]  # which of the losers is worse is not asked
    assert ("bad", "worse") not in interim.verdicts


def test_arms_within_the_smallest_difference_are_equivalent():
    outcomes = {"a": values(0, 20, 0, 0.1), "b": values(0.01, 20, 1, 0.1)}
    assert look_at(plan_of("a", "b"), outcomes).open == ["a", "b"]
    interim = look_at(plan_of("a", "b", smallest_difference=0.5), outcomes)
    assert (interim.verdicts, interim.open) == ({("a", "b"): "equivalent"}, [])
    diverged = {"a": outcomes["a"], "b": {**outcomes["b"], 3: math.inf}}
    assert look_at(plan_of("a", "b", smallest_difference=0.5), diverged).verdicts == {}


def test_missing_runs_are_no_obstacle():
    outcomes = {"a": values(0, 8), "b": {seed: value + 9 for seed, value in values(0, 8, 1).items() if seed != 2}}
    assert look_at(plan_of("a", "b"), outcomes).verdicts == {("a", "b"): "better"}


def test_a_plan_is_kept(tmp_path):
    assert read_plan(tmp_path) is None
    keep_plan(tmp_path, plan_of("a", "b"))
    assert read_plan(tmp_path) == plan_of("a", "b")
    keep_plan(tmp_path, plan_of("a", "b"))
    with pytest.raises(ConfigError) as refused:
        keep_plan(tmp_path, plan_of("a", "b", measure="kid", looks=(6, 9)))
    assert [line.partition(":")[0] for line in refused.value.problems[:-1]] == ["looks", "measure"]
    assert "first_seeds=6, rounds=5 and max_seeds=20 of hydra.sweeper its looks" in refused.value.problems[-1]
    (tmp_path / "sequential.json").write_text('{"looks": 3}')
    with pytest.raises(ConfigError, match="not the plan of a sequential study"):
        read_plan(tmp_path)


def test_plans_without_a_possible_verdict_are_refused():
    assert plan_of("a", "b").problems() == []
    assert "no arm is called 'c' (a, b)" in plan_of("a", "b", baseline="c").problems()[0]
    (problem,) = plan_of(*"abcdefgh", looks=(3, 4)).problems()
    assert problem == "hydra.sweeper.max_seeds: 4 seeds are too few for 28 comparisons, however large the differences"


@pytest.mark.slow
@pytest.mark.parametrize(("law", "diverging"), [("normal", 0.0), ("lognormal", 0.0), ("lognormal", 0.3)])
def test_few_studies_without_a_difference_report_one(law, diverging):
    """100 studies of three arms against a baseline; benchmarks/sequential.py has more."""
    rng, plan, false = np.random.default_rng(1), plan_of("a", "b", "c", "d", baseline="a"), 0
    for _ in range(100):
        drawn = getattr(rng, law)(size=(4, 20))
        drawn[rng.random((4, 20)) < diverging] = math.inf
        asked, still_open = dict.fromkeys(plan.arms, 0), list(plan.arms)
        for count in LOOKS:
            asked |= dict.fromkeys(still_open, count)
            outcomes = {arm: dict(enumerate(row[: asked[arm]])) for arm, row in zip(plan.arms, drawn, strict=True)}
            interim = look_at(plan, outcomes)
            still_open = interim.open
        false += bool(interim.verdicts)
    assert false <= 100 * 0.05 + 2 * (100 * 0.05 * 0.95) ** 0.5


def fids(mean, count, seed):
    return [float(value) for value in mean + np.random.default_rng(seed).standard_normal(count) / 10]


def test_a_comparison_knows_that_its_study_was_sequential(tmp_path):
    losses = {"hinge": fids(4, 11, 0), "minimax": fids(4, 11, 1), "wasserstein": fids(9, 8, 2)}
    folder = write_study(tmp_path / "losses", losses)
    fixed = compare(folder, baseline="hinge")
    keep_plan(folder, plan_of("hinge", "minimax", "wasserstein", baseline="hinge", smallest_difference=1.0))
    found = compare(folder)
    assert (found.baseline, found.plan.looks) == ("hinge", LOOKS)
    pairs = {pair.first: pair for pair in found.pairs}
    assert {name: pair.verdict for name, pair in pairs.items()} == {"minimax": "equivalent", "wasserstein": "worse"}
    assert {name: pair.seeds for name, pair in pairs.items()} == {"minimax": (11, 11), "wasserstein": (8, 8)}
    for before in fixed.pairs:
        after = pairs[before.first]
        assert after.p >= before.p
        assert after.high - after.low > before.high - before.low
    first, *rest = verdict(found)
    assert first == "Against the baseline hinge: wasserstein is worse; minimax is equivalent."
    assert rest[-1].startswith("The study was sequential, with looks after 6, 8, 11, 15 and 20 seeds")
    assert seeds_needed_text(pairs["minimax"]) == "-"


def test_of_a_sequential_study_no_seeds_are_estimated(tmp_path):
    folder = write_study(tmp_path / "losses", {"hinge": fids(4, 11, 0), "minimax": fids(4, 11, 1)})
    keep_plan(folder, plan_of("hinge", "minimax", baseline="hinge"))
    found = compare(folder)
    assert [pair.verdict for pair in found.pairs] == ["too close to call"]
    assert [row[2] for row in tables(found)[1].rows] == ["-"]


def test_all_pairs_of_a_sequential_study(tmp_path):
    losses = {"hinge": fids(4, 20, 0), "minimax": fids(4, 20, 1), "wasserstein": fids(9, 8, 2)}
    folder = write_study(tmp_path / "losses", losses)
    keep_plan(folder, plan_of(*losses, smallest_difference=1.0))
    found = compare(folder)
    first, second = found.arms[0].label, found.arms[1].label
    assert verdict(found)[0].endswith(f": better than wasserstein; equivalent to {second}.")
    assert {first, second} == {"hinge", "minimax"}


def test_looks_are_not_allowed_for_where_arms_hold_more_than_seeds(tmp_path):
    for rate in (1, 2):
        write_study(tmp_path / str(rate), {"hinge": fids(4, 6, rate), "minimax": fids(9, 6, rate + 2)})
        for run in (tmp_path / str(rate)).iterdir():
            config = yaml.safe_load((run / "config.yaml").read_text())
            config["d_steps"] = rate
            (run / "config.yaml").write_text(yaml.safe_dump(config))
    keep_plan(tmp_path, plan_of("hinge", "minimax"))
    found = compare(tmp_path, factor="loss")
    assert found.plan is None
    assert any("d_steps vary in an arm: its looks are not allowed for" in line for line in found.warnings)


def test_arms_whose_difference_would_hardly_be_seen_get_no_more_seeds():
    first = values(0, 11)
    alike = {"a": first, "b": dict(enumerate(reversed(first.values())))}  # of the same mean
    interim = look_at(plan_of("a", "b", futility=0.05), alike)
    assert (interim.verdicts, interim.open) == ({("a", "b"): "too close to call"}, [])
    assert look_at(plan_of("a", "b"), alike).open == ["a", "b"]  # without it
    promising = {"a": first, "b": {seed: value + 0.7 for seed, value in alike["b"].items()}}
    assert look_at(plan_of("a", "b", futility=0.05), promising).open == ["a", "b"]
    assert look_at(plan_of("a", "b", futility=0.05, smallest_difference=0.5), alike).open == [
        "a",
        "b",
    ]  # it may be shown
    complete = {"a": values(0, 20), "b": values(0, 20, seed=1)}
    assert look_at(plan_of("a", "b", futility=0.05), complete).verdicts == {}  # nothing more could be asked


def test_the_chance_of_a_difference_does_not_shrink_with_what_allows_for_skewed_values():
    first = {"a": values(0, 8), "b": values(0.5, 8, seed=6, spread=0.2)}
    plan = plan_of("a", "b", looks=(8, 20), futility=0.2)
    look = plan.test(first["a"], first["b"])
    assert look.latest == compare_values(look.first, look.second, True).p_if_normal
    widened = look._replace(latest=compare_values(look.first, look.second, True).p)
    assert (plan.is_futile(look), plan.is_futile(widened)) == (False, True)


def test_a_comparison_goes_on_where_one_arm_diverges_more_often_so_far():
    stable = values(5.0, 8)
    failing = {seed: math.inf if seed in (1, 4) else value - 0.4 for seed, value in stable.items()}
    plan = plan_of("a", "b", looks=(8, 20), futility=0.2)
    assert compare_values(list(stable.values()), list(failing.values()), True).p > 0.4  # the values contradict
    assert look_at(plan, {"a": stable, "b": failing}).open == ["a", "b"]


def test_the_predicted_chance_is_that_of_a_random_walk_whose_drift_is_known_so_far():
    looks, share, p = (8, 20), 0.4, 0.25
    rng, score = np.random.default_rng(0), stats.norm.isf(p / 2)
    drift = score / share**0.5 + rng.normal(size=400_000) / share**0.5
    end = score * share**0.5 + drift * (1 - share) + rng.normal(size=400_000) * (1 - share) ** 0.5
    chance = np.mean(np.abs(end) > stats.norm.isf(level_of_look(looks, 1, 0.05) / 2))
    look = plan_of("a", "b", looks=looks).test(values(0, 8), values(0, 8, seed=1))._replace(latest=p)
    assert plan_of("a", "b", looks=looks, futility=1.02 * chance).is_futile(look)
    assert not plan_of("a", "b", looks=looks, futility=0.98 * chance).is_futile(look)
