import math

import pytest
from synthetic import write_run, write_study

from gan_experiments.comparison.report import wording as words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "diverged"),
        (0.0, "0.000"),
        (0.00012345, "0.00012"),
        (-0.005799, "-0.0058"),
        (-0.5, "-0.500"),
        (3.14159, "3.142"),
        (31.4159, "31.42"),
        (314.159, "314.2"),
        (31415.9, "31,416"),
    ],
)
def test_numbers(value, text):
    assert words.number(value) == text


def test_other_amounts():
    assert [words.duration(value) for value in (None, 5, 300, 8000, math.inf)] == [
        "-",
        "5 s",
        "5.0 min",
        "2.2 h",
        "never",
    ]
    assert [words.amount(value) for value in (None, 12345.6, math.inf)] == ["-", "12,346", "never"]
    assert [words.probability(value) for value in (math.nan, 0.0004, 0.04)] == ["-", "< 0.001", "0.040"]
    assert [words.percent(value) for value in (math.nan, 0.4)] == ["-", "40 %"]
    assert words.spread_text((1.0, math.nan, math.nan)) == "1.000"
    assert words.spread_text((1.0, 0.5, 1.5)) == "1.000 [0.500, 1.500]"


def test_lists():
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed([str(i) for i in range(20)]) == "0, 1, 2, 3, 4, 5, 6 and 13 more"


def test_one_seed_is_reported_without_tests(tmp_path, compared):
    comparison = compared(write_study(tmp_path, {"hinge": [4.0], "minimax": [5.0]}))
    (text,) = words.verdict(comparison)
    assert text.startswith("Nothing is tested: with one seed per arm, a difference between two runs says nothing")
    assert text.endswith("At least 4 seeds per arm are needed for a verdict.")
    assert [pair.verdict for pair in comparison.pairs] == ["not tested"]


def test_too_few_seeds_are_said_with_the_number_that_would_do(tmp_path, compared):
    fids = {"hinge": [4.0, 4.1], "minimax": [9.0, 9.1], "wasserstein": [20.0, 20.1]}
    text = " ".join(words.verdict(compared(write_study(tmp_path, fids))))
    assert "With 2 seeds no difference can be significant, however large" in text
    assert "3 comparisons need at least 5 seeds per arm, a single one 4" in text


@pytest.mark.parametrize(
    ("losses", "advised"), [(["hinge", "minimax"], False), (["hinge", "minimax", "wasserstein"], True)]
)
def test_a_baseline_is_advised_only_where_it_leaves_fewer_comparisons(tmp_path, compared, losses, advised):
    study = write_study(tmp_path, {loss: [4.0, 4.2 + number] for number, loss in enumerate(losses)})
    assert any("reduces the comparisons" in line for line in words.verdict(compared(study))) == advised


def test_an_interval_that_excludes_0_beside_too_few_seeds_is_explained(tmp_path, compared):
    fids = {"hinge": [4.0, 4.1, 4.05], "minimax": [9.0, 9.1, 9.05]}
    comparison = compared(write_study(tmp_path / "two", fids), baseline="hinge")
    assert comparison.pairs[0].low > 0
    assert comparison.pairs[0].verdict == "too few seeds"
    text = "An interval that excludes 0 (minimax) is no verdict: it is that of one comparison alone"
    assert f"{text}, and fewer than 4 seeds per arm decide nothing." in words.verdict(comparison)
    fids |= {"least_squares": [4.0, 4.2, 4.01], "wasserstein": [12.0, 12.1, 12.05]}
    several = words.verdict(compared(write_study(tmp_path / "four", fids)))
    assert "(minimax and wasserstein) is no verdict" in several[2]
    assert "alone, not corrected for 6, and fewer than 5 seeds per arm decide nothing." in several[2]
    overlapping = {"hinge": [4.0, 4.1, 4.05], "minimax": [4.0, 4.2, 4.01]}
    assert "excludes 0" not in " ".join(words.verdict(compared(write_study(tmp_path / "near", overlapping))))


def test_an_interval_that_excludes_0_beside_too_close_is_explained(tmp_path, compared):
    fids = {name: [4.0 + 0.1 * seed for seed in range(6)] for name in ("hinge", "least_squares", "non_saturating")}
    fids |= {"minimax": [4.28 + 0.1 * seed for seed in reversed(range(6))]}
    comparison = compared(write_study(tmp_path, fids), baseline="hinge")
    (pair,) = [pair for pair in comparison.pairs if pair.first == "minimax"]
    assert pair.low > 0
    assert pair.verdict == "too close to call"
    assert (
        "An interval that excludes 0 (minimax) is no verdict: it is that of one comparison alone, not corrected for 3."
        in words.verdict(comparison)
    )


def test_an_arm_with_the_best_median_and_a_bad_mean_is_no_winner(tmp_path, compared):
    fids = {"hinge": [3.9] * 16 + [50.0] * 14, "minimax": [4.0 + 0.001 * seed for seed in range(30)]}
    comparison = compared(write_study(tmp_path, fids))
    assert comparison.pairs[0].verdict == "worse"
    (line, *_) = words.verdict(comparison)
    assert line.startswith("hinge ranks first with a median final FID of 3.900, mean 25.41 [")
    assert line.endswith("not significantly better than any other arm; worse than minimax in its mean.")


@pytest.mark.parametrize("measure", ["fid", "is"])
def test_an_arm_that_diverges_more_often_and_is_better_otherwise_is_named(tmp_path, compared, measure):
    hinge, minimax = ([mean + seed / 10 for seed in range(12)] for mean in (5.0, 2.0))
    split = write_study(tmp_path / "split", {"hinge": hinge, "minimax": [*[None] * 5, *minimax[5:]]})
    lines = words.verdict(compared(split, measure=measure))
    assert lines[0].endswith("too close to call against hinge.")
    assert "One arm has more diverged seeds, but better ones otherwise (hinge): that favours neither." in lines
    alike = write_study(tmp_path / "alike", {"hinge": hinge, "minimax": [None, *hinge[1:]]})
    assert not any("diverged seeds" in line for line in words.verdict(compared(alike, measure=measure)))


def test_an_arm_with_the_best_median_and_more_diverged_seeds_is_no_winner(tmp_path, compared):
    fids = {"hinge": [None] * 8 + [4.0 + seed / 20 for seed in range(12)], "minimax": [1.0] * 9 + [4.8] * 2 + [9.0] * 9}
    (line, *_) = words.verdict(compared(write_study(tmp_path, fids)))
    assert line.startswith("hinge ranks first")
    assert line.endswith("; worse than minimax by its mean or its diverged seeds.")


def test_a_baseline_without_an_end_is_said(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0, 4.2], "wasserstein": [5.0, 5.1]})
    write_run(study / "m", "minimax", status="running")
    text = words.verdict(compared(study, baseline="minimax"))
    assert text == ["The baseline minimax has no run that ended with a final FID, so nothing is compared."]


def test_single_seeds_beside_several_are_said(tmp_path, compared):
    text = words.verdict(compared(write_study(tmp_path, {"hinge": [4.0, 4.2], "wasserstein": [5.0]})))
    assert text == ["Nothing is tested: no two arms have at least two runs each that have ended."]


def test_one_arm_is_reported(tmp_path, compared):
    text = words.verdict(compared(write_study(tmp_path, {"hinge": [4.0, 4.2]})))
    assert text == [
        "The runs reach a median final FID of 4.100, mean 4.100 [2.829, 5.371] (2 seeds). There is only one arm, so "
        "nothing is compared."
    ]


def test_an_arm_without_a_mean_is_named_with_its_median(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [None] * 5, "minimax": [None, None, None, 4.0, 5.0]})
    assert words.verdict(compared(study))[0].startswith(
        "minimax ranks first with a median seed that diverged, mean 4.500 ["
    )
    (single,) = words.verdict(compared(write_study(tmp_path / "one", {"hinge": [4.0]})))
    assert single.startswith("The runs reach final FID 4.000 (1 seed).")


def test_trials_of_a_search_are_no_seeds(tmp_path, compared):
    for trial in range(5):
        config = {"optimizer.generator.lr": 1e-4 * (1 + trial)}
        write_run(tmp_path / f"{trial}", fid=5.0 + trial, config=config)
    (text,) = words.verdict(compared(tmp_path))
    assert "(5 runs). There is only one arm" in text


def test_arms_with_no_finished_run_do_not_stop_the_others(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0, 4.2, 4.1]})
    write_run(study / "m", "minimax", status="failed")
    comparison = compared(study)
    assert comparison.pairs == []
    assert words.verdict(comparison) == ["Only hinge has runs that ended with a final FID, so nothing is compared."]
    text = words.verdict(compared(study, baseline="minimax"))
    assert text == ["Only hinge has runs that ended with a final FID, so nothing is compared."]


def test_an_arm_that_ended_without_the_measure_is_not_said_to_be_unfinished(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0, 4.2, 4.1]})
    write_run(study / "m", "minimax", record={"final": {}, "best": {}})
    assert words.verdict(compared(study)) == [
        "Only hinge has runs that ended with a final FID, so nothing is compared."
    ]


def test_seeds_that_cannot_be_estimated_are_not_said_to_be_many(tmp_path, compared):
    """One seed that did not diverge says nothing about the spread."""
    write_study(tmp_path, {"hinge": [4.0, None, None, None], "minimax": [4.1, None, 6.8, 5.0]})
    comparison = compared(tmp_path)
    (pair,) = comparison.pairs
    assert (pair.verdict, words.seeds_needed_text(pair)) == ("too close to call", "-")
    assert not any("Estimated seeds" in line for line in words.verdict(comparison))
