import json

import pytest
import yaml
from synthetic import BUDGET, write_run, write_study

from gan_experiments.comparison.common_budget import at_common_budget
from gan_experiments.comparison.report.sample_grids import sample_grids
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.longer import reopened

TWO = {"hinge": [4.0, 4.2, 4.1], "minimax": [5.0, 5.2, 5.1]}
FALLS = {"optimizer.schedule.kind": "linear"}


def make_longer(folder, budget=2 * BUDGET, fid=1.0, status="finished"):
    """Change the files of a run as resuming it with a larger budget does; the curve goes on at 2.0."""
    run = RunFolder(folder)
    old = run.read_config()
    new = old | {"budget": {"images": budget}}
    record = run.record()
    record |= reopened(record, old, new)
    record |= {"status": status, "images_seen": budget, "seconds": 999.0}
    if status == "finished":
        record |= {key: record["earlier_ends"][0][key] for key in ("evaluation", "best")}
        record["final"] = {"fid": {"value": fid}, "is": {"value": 9.0}}
    run.record_file.write_text(json.dumps(record))
    run.config_file.write_text(yaml.safe_dump(new))
    with run.metrics_file.open("a") as table:
        table.write(f"{budget},0.7,999,0.5,9.5\n")
    return run


def summaries(comparison):
    return [(arm.label, arm.outcomes, arm.final, arm.best, arm.gap, arm.cost) for arm in comparison.arms]


@pytest.mark.parametrize("score", ["final", "best"])
@pytest.mark.parametrize("factor", [None, "loss"])
def test_a_run_that_was_made_longer_counts_as_it_was(tmp_path, compared, score, factor):
    before = compared(write_study(tmp_path, TWO), score=score)
    make_longer(tmp_path / "digits-dcgan-loss_hinge-seed_1")
    after = compared(tmp_path, score=score, factor=factor)
    assert summaries(after) == summaries(before)
    assert after.threshold == before.threshold
    said, advice = after.warnings
    assert said == (
        "1 of 6 runs has been made longer (digits-dcgan-loss_hinge-seed_1 to 400,000 images); all are compared as they "
        "were after 200,000 images, the largest budget that all have a result at."
    )
    assert advice.startswith("To make the others as long: gan-train resume=")
    assert "digits-dcgan-loss_hinge-seed_0 budget.images=400000 and so with digits-dcgan-loss_hinge-seed_2, " in advice
    assert advice.endswith(" and 2 more")


def test_runs_that_are_all_longer_count_at_their_new_end(tmp_path, compared):
    for folder in write_study(tmp_path, TWO).iterdir():
        make_longer(folder)
    comparison = compared(tmp_path)
    assert [arm.final.mean for arm in comparison.arms] == [1.0, 1.0]
    assert comparison.warnings == []


def test_the_largest_common_budget_counts(tmp_path, compared):
    for folder in write_study(tmp_path, TWO).iterdir():
        make_longer(folder)
    make_longer(tmp_path / "digits-dcgan-loss_hinge-seed_0", 3 * BUDGET, fid=0.5)
    comparison = compared(tmp_path)
    assert [arm.final.mean for arm in comparison.arms] == [1.0, 1.0]
    assert {run.config["budget.images"] for run in comparison.study.runs} == {2 * BUDGET}
    assert "after 400,000 images" in comparison.warnings[0]


def test_a_run_that_is_still_being_made_longer_has_its_earlier_result(tmp_path, compared):
    before = compared(write_study(tmp_path, TWO))
    make_longer(tmp_path / "digits-dcgan-loss_minimax-seed_2", status="running")
    assert summaries(compared(tmp_path)) == summaries(before)


def test_a_diverged_end_is_a_result_and_no_result_is_none(tmp_path, compared):
    write_study(tmp_path, {"hinge": [4.0, None], "minimax": [5.0, 5.2]})
    write_run(tmp_path / "broken", "minimax", seed=2, status="failed", config={"budget.images": 50_000})
    before = summaries(compared(tmp_path, factor="loss"))
    make_longer(tmp_path / "digits-dcgan-loss_hinge-seed_1", status="diverged")
    make_longer(tmp_path / "digits-dcgan-loss_minimax-seed_0")
    comparison = compared(tmp_path)
    assert summaries(comparison) == before
    assert any("1 run that failed is not counted: broken" in line for line in comparison.warnings)


def test_the_budget_as_a_factor_and_runs_of_no_common_budget_stay(tmp_path, compared):
    write_study(tmp_path, TWO)
    make_longer(tmp_path / "digits-dcgan-loss_hinge-seed_0")
    for factor in ("loss,budget.images", ["loss", "budget"]):
        comparison = compared(tmp_path, factor=factor)
        assert sorted(arm.final.mean for arm in comparison.arms) == pytest.approx([1.0, 4.15, 5.1])
        assert not any("been made longer" in line for line in comparison.warnings)
    write_run(tmp_path / "at_once", "minimax", seed=9, config={"budget.images": 2 * BUDGET})
    comparison = compared(tmp_path)
    assert "hinge/400000" in [arm.label for arm in comparison.arms]
    assert "no budget at which all runs have a result, so each counts at its own." in comparison.warnings[0]
    assert comparison.warnings[1].startswith("To make the others as long: gan-train resume=")
    assert "at_once" not in comparison.warnings[1]


def test_an_evaluation_made_afterwards_is_that_of_the_earlier_end(tmp_path, compared):
    value = {
        "final": {"fid": {"value": 3.0}},
        "evaluation": {"features": {"fid": {"higher_is_better": {"fid": False}}}},
    }
    write_study(tmp_path, TWO, record={"evaluations": {"50k": value}})
    make_longer(tmp_path / "digits-dcgan-loss_hinge-seed_0")
    comparison = compared(tmp_path, evaluation="50k", better="lower")
    assert [arm.final.mean for arm in comparison.arms] == [3.0, 3.0]
    with pytest.raises(ConfigError, match="'other' is missing in 6 of 6 finished runs"):
        compared(tmp_path, evaluation="other")


def test_the_grids_are_those_of_the_earlier_end(tmp_path, compared):
    write_study(tmp_path, TWO, grid=True)
    run = make_longer(tmp_path / "digits-dcgan-loss_hinge-seed_0")
    run.grid(2 * BUDGET).write_bytes(run.grid(BUDGET).read_bytes())
    _, grids = sample_grids(compared(tmp_path))
    assert [grid.caption.split(" at ")[1] for grid in grids] == ["200,000 images", "200,000 images"]


def test_schedules_that_were_moved_in_some_runs_alone_are_said(tmp_path, compared):
    write_study(tmp_path, {"hinge": TWO["hinge"]}, config=FALLS)
    for folder in list(tmp_path.iterdir()):
        make_longer(folder)
    assert compared(tmp_path).warnings == []
    write_study(tmp_path, {"minimax": TWO["minimax"]}, config=FALLS | {"budget.images": 2 * BUDGET})
    (line,) = [line for line in compared(tmp_path).warnings if "moved on" in line]
    assert line.startswith("3 of 6 runs were made longer, and what ended with their budget was moved on, so they were")


@pytest.mark.parametrize("damaged", [7, [7], [{}], [{"final": 7}], [{"final": {"fid": 1}, "budget.images": "many"}]])
def test_damaged_earlier_ends_are_none(tmp_path, compared, damaged):
    write_study(tmp_path, {"hinge": TWO["hinge"]})
    write_study(tmp_path, {"minimax": TWO["minimax"]}, record={"earlier_ends": damaged}, config={"budget.images": 9})
    study = compared(tmp_path).study
    assert at_common_budget(study) == (study, [])
