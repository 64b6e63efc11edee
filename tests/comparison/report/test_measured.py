import pytest
from synthetic import write_study

from gan_experiments.comparison.report.measured import measured
from gan_experiments.runs.summary import BASELINE_LIMITS

WAY = "native features (weights 17df), 10,000 samples of the EMA generator, 1,797 real ones"
FAR = "All arms are far from it: final FID ranks generators that have hardly learned the data"


def with_baseline(study, compared, name="fid", **fields):
    """Compare after changing the estimates of all runs."""
    comparison = compared(study, measure=name)
    for arm in comparison.arms:
        for run in arm.arm.runs.values():
            run.record["final"][name] |= fields
    return comparison


def test_the_report_says_how_values_were_measured_and_what_is_perfect(report):
    lines = [
        f"FID is measured in {WAY}.",
        f"A perfect generator would get 0.400 (the real baseline); the best arm has 10 times that in the median. "
        f"{BASELINE_LIMITS}",
    ]
    for name in ("report.html", "report.md", "report.tex", "comparison.json"):
        text = (report / name).read_text()
        assert all(line in text for line in lines), name
        assert "All arms are far" not in text


@pytest.mark.parametrize(
    ("fid", "baseline", "text"),
    [
        (
            90.0,
            {"real_baseline": 0.7, "real_baseline_spread": 0.02},
            "0.700 ± 0.020 (the real baseline); the best arm has 129 times",
        ),
        (20.0, {"real_baseline": 0.7}, "the best arm has 29 times that"),
        (2.0, {"real_baseline": 1.5}, "the best arm has 133 % of that"),
        (2.0, {"real_baseline": 0.0, "real_baseline_spread": 0.001}, "0.000 ± 0.001 (the real baseline). With"),
    ],
)
def test_far_from_the_real_baseline_a_ranking_says_little(tmp_path, compared, fid, baseline, text):
    comparison = with_baseline(
        write_study(tmp_path, {"hinge": [fid] * 3, "minimax": [fid + 1] * 3}), compared, **baseline
    )
    lines = measured(comparison)
    assert text in lines[1]
    assert [line.startswith(FAR) for line in lines[2:]] == [True] * (fid == 90.0)


@pytest.mark.parametrize(("baseline", "far"), [(9.8, False), (400.0, True)])
def test_where_higher_is_better_a_small_share_is_far(tmp_path, compared, baseline, far):
    study = write_study(tmp_path, {"hinge": [4.0] * 3, "minimax": [5.0] * 3})
    lines = measured(with_baseline(study, compared, "is", real_baseline=baseline))
    assert any("All arms are far from it" in line for line in lines) == far
    assert not any("baseline of FID" in line for line in lines)


def test_unlike_evaluations_are_all_named_and_have_no_common_baseline(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0] * 3, "minimax": [5.0] * 3})
    comparison = compared(study)
    first = next(iter(comparison.arms[0].arm.runs.values()))
    first.record["evaluation"] |= {"samples": 500, "generator": "raw", "seed": 3}
    first.record["final"]["fid"]["real_baseline"] = 1.0
    (line,) = measured(comparison)
    assert "500 samples of the raw generator, 1,797 real ones; and in native" in line
    assert "seed" not in line


def test_the_best_of_the_periodic_evaluations_has_their_samples_and_no_baseline(study, compared):
    (line,) = measured(compared(study, score="best"))
    assert "2,000 samples" in line


def test_records_of_earlier_versions_say_nothing(tmp_path, compared):
    evaluation = {"evaluation": None, "final": {"fid": {"value": 4.0, "higher_is_better": False}}}
    assert measured(compared(write_study(tmp_path, {"hinge": [4.0] * 3}, record=evaluation), better="lower")) == []
