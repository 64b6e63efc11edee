"""Published values against measured ones: closed forms, verdicts by simulation, and our own tables."""

import math
import shlex

import numpy as np
import pytest
import yaml
from scipy import stats
from synthetic import write_study

from gan_experiments.comparison import difference
from gan_experiments.comparison.comparison import compare
from gan_experiments.comparison.difference import compare_values, compare_with_mean
from gan_experiments.comparison.published import INSIDE, OUTSIDE, UNTOLD, folder, radius, read_published, verdicts_on
from gan_experiments.config.compose import check_command_line, combinations
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError

OURS = sorted(file.parent.name for file in folder().glob("*/published.yaml"))


def table(tmp_path, arms, **fields):
    file = tmp_path / "table.yaml"
    content = {"title": "a", "paper": "b", "command": "gan-train -m", "protocol": {"c": ["d", "e"]}, "arms": arms}
    file.write_text(yaml.safe_dump(content | fields, sort_keys=False))
    return str(file)


def word(tmp_path, numbers, images=1000, **value):
    fields = {key: value.pop(key) for key in ("trials", "spread_of") if key in value}
    read = read_published(table(tmp_path, {"one": {"images": 1000, "values": {"fid": value}}}, **fields))
    (result,) = verdicts_on(read, "one", {"images": images, "values": {"fid": numbers}})
    return result


def test_with_as_many_trials_of_known_spread_it_is_the_test_of_two_arms(monkeypatch):
    both = difference._WIDENING_OF_BOTH  # which values are better is not known here
    monkeypatch.setattr(difference, "_WIDENINGS", (both, both))
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(5, 1, 7), rng.normal(4, 2, 9)
    expected = compare_values(ours, theirs, matched=False)
    error = theirs.std(ddof=1) / 3
    found = compare_with_mean(ours, theirs.mean(), error, 9)
    np.testing.assert_allclose(found, [ours.mean() - theirs.mean(), expected.low, expected.high])


def test_against_an_exact_value_it_is_students_interval_widened_for_skewed_values():
    values = np.array([1.0, 2.0, 4.0, 5.0])
    difference, low, high = compare_with_mean(values, 2.5, None, None)
    half = stats.t.ppf(0.975, 3) * values.std(ddof=1) / 2 * (1 + 5 / 2)
    np.testing.assert_allclose([difference, low, high], [0.5, 0.5 - half, 0.5 + half])
    wider = compare_with_mean(values, 2.5, None, 4)  # four more of the same spread
    assert wider[2] - wider[0] == pytest.approx(half * math.sqrt(2))


@pytest.mark.parametrize("law", [lambda rng, n: rng.normal(0, 1, n), lambda rng, n: rng.lognormal(0, 0.5, n)])
@pytest.mark.parametrize(("count", "trials"), [(3, 10), (10, 10), (5, None)])
def test_a_true_value_is_rarely_outside(law, count, trials):
    rng = np.random.default_rng(count)
    truth = law(rng, 200_000).mean()
    outside = 0
    for _ in range(500):
        theirs = law(rng, trials or 200)
        mean, error = (theirs.mean(), theirs.std(ddof=1) / trials**0.5) if trials else (truth, None)
        _, low, high = compare_with_mean(law(rng, count), mean, error, trials)
        outside += low > 0 or high < 0
    assert outside / 500 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 500)


def test_verdicts(tmp_path):
    exact = {"mean": 2.0, "tolerance": 0.5}
    assert word(tmp_path, [2.0, 2.01, 1.99], **exact).verdict == INSIDE
    assert word(tmp_path, [3.0, 3.01, 2.99], **exact).verdict == OUTSIDE
    assert word(tmp_path, [1.0, 2.0, 3.0], **exact).verdict == UNTOLD
    assert word(tmp_path, [2.0, 2.0, 2.0], trials=10, spread=0.1, **exact).verdict == INSIDE
    assert word(tmp_path, [2.0, 2.0, 2.0], trials=10, spread=0.5, spread_of="mean", **exact).verdict == UNTOLD
    assert word(tmp_path, [2.45] * 3, trials=10, spread=0.1, **exact).verdict == UNTOLD  # near the tolerance


@pytest.mark.parametrize(
    ("numbers", "options", "reason"),
    [
        ([], {}, "no run"),
        ([2.0, 2.0], {}, "fewer than 3"),
        ([2.0, 2.0, math.inf], {}, "1 of 3"),
        ([2.0] * 3, {"images": 999}, "shortened: 999 of 1,000"),
        ([2.0] * 3, {"trials": 1, "spread": 0.1}, "one published trial"),
    ],
)
def test_too_little_tells_nothing(tmp_path, numbers, options, reason):
    result = word(tmp_path, numbers, mean=2.0, tolerance=0.5, **options)
    assert result.verdict == UNTOLD
    assert reason in result.reason


@pytest.mark.parametrize(("factor", "turn"), [(0.97, 0.1), (1.0, 0.2), (1.02, 0.3), (0.99, 0.05)])
def test_the_radius_of_a_linear_map_is_found_from_distances(factor, turn):
    steps = np.arange(200)
    assert radius(factor**steps * np.abs(np.cos(turn * steps + 1))) == pytest.approx(factor, abs=1e-6)
    assert math.isnan(radius(np.ones(11)))


def test_a_comparison_puts_published_values_beside_measured_ones(tmp_path):
    study = write_study(tmp_path / "losses", {"hinge": [4.0, 4.01, 3.99, 4.0], "wasserstein": [9.0, 9.1, None, 9.2]})
    values = {"fid": {"mean": 4.0, "tolerance": 0.2}, "is": {"mean": 1.0, "tolerance": 0.2}}
    arms = {"wasserstein": {"values": values}, "hinge": {"values": values}, "unheard": {"values": values}}
    compared = compare(study, published=table(tmp_path, arms))
    assert [(each.arm, each.measure) for each in compared.published] == [
        (arm, measure) for arm in ("wasserstein", "hinge") for measure in ("fid", "is")
    ]
    assert [each.verdict for each in compared.published] == [UNTOLD, UNTOLD, INSIDE, OUTSIDE]
    assert compared.criterion.measure == "fid"
    with pytest.raises(ConfigError, match="published: has minimax, the study hinge, wasserstein"):
        compare(study, published=table(tmp_path, {"minimax": {"values": values}}))


def test_without_a_measure_the_first_published_one_is_compared(tmp_path):
    study = write_study(tmp_path / "losses", {"hinge": [4.0] * 3, "wasserstein": [9.0] * 3})
    arms = {"hinge": {"values": {"is": {"mean": 8.8, "tolerance": 0.2}}}}
    assert compare(study, published=table(tmp_path, arms)).criterion.measure == "is"
    assert compare(study).criterion.measure == "fid"


def test_an_unknown_or_wrong_table_is_refused_in_full(tmp_path):
    with pytest.raises(ConfigError, match=r"published: there is no table 'dirack'.*dirac"):
        read_published("dirack")
    wrong = table(tmp_path, {"one": {"values": {"fid": {"mean": "many", "tolerance": 1, "unheard": 2}}}}, trials=1.5)
    with pytest.raises(ConfigError) as error:
        read_published(wrong)
    assert all(key in str(error.value) for key in ("arms.one.values.fid.mean", "unheard", "trials"))
    wrong = table(tmp_path, {"one": {"values": {"fid": {"mean": 1, "tolerance": -1, "spread": -1}}}}, trials=0)
    with pytest.raises(ConfigError) as error:
        read_published(wrong)
    assert all(key in str(error.value) for key in ("fid.tolerance", "fid.spread", "trials"))
    for text in ("[", "[" * 3000 + "]" * 3000):
        (tmp_path / "table.yaml").write_text(text)
        with pytest.raises(ConfigError, match="not a published table"):
            read_published(wrong)


@pytest.mark.parametrize("name", OURS)
def test_our_tables_can_be_read(name):
    published = read_published(name)
    assert published.paper
    assert published.command.startswith("gan-train -m --config-dir reproductions/")
    assert all(arm.values for arm in published.arms.values())


@pytest.mark.parametrize("name", OURS)
def test_the_command_of_each_table_is_accepted_and_trains_as_long_as_the_paper(name, monkeypatch):
    monkeypatch.chdir(folder().parent)
    published = read_published(name)
    _, _, _, where, *overrides = shlex.split(published.command)
    line = check_command_line("train", Config, overrides, where, multirun=True)
    assert [problem for problem in line.problems if not problem.warning] == []
    budgets = [config.budget.images for config in combinations(line)]
    assert all(max(budgets) >= arm.images for arm in published.arms.values())


def test_distances_that_vanish_or_are_not_finite_have_no_radius():
    assert math.isnan(radius(np.zeros(20)))
    assert math.isnan(radius(np.append(np.ones(19), np.inf)))
