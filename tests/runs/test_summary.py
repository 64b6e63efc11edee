from pathlib import Path

import pytest

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import (
    BASELINE_LIMITS,
    MARGIN_LIMITS,
    as_markdown,
    describe_provenance,
    measures,
    shown,
    summary,
)

EVALUATION = {
    "samples": 10_000,
    "generator": "ema",
    "real_images": 1797,
    "extractors": {"native": {"name": "native", "weights": "0123456789", "resize": "none", "precision": "float32"}},
}
RECORD = {
    "images_seen": 200_000,
    "seconds": 90.0,
    "final": {
        "fid": {"value": 4.125, "margin": 0.25, "real_baseline": 0.5, "real_baseline_spread": 0.0625},
        "is": {"value": 0.0123},
    },
    "evaluation": EVALUATION,
    "evaluation_share": 0.1,
}


def test_a_summary_says_results_folder_and_how_to_look_at_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = RunFolder("study/run")
    run.update_record(**RECORD)
    run.samples.mkdir()
    for images in (100, 200_000):
        run.grid(images).touch()
    assert summary(run).splitlines() == [
        "run: 200,000 images in 1.5 min",
        "  FID          4.125 ± 0.250   (a perfect generator: 0.500 ± 0.0625)",
        "  IS           0.0123",
        "  measured in  native features (weights 01234567), 10,000 samples of the EMA generator, 1,797 real ones",
        "  evaluation   10% of the time",
        "  folder       study/run",
        "  samples      study/run/samples/0000200000.png",
        "  TensorBoard  tensorboard --logdir study",
    ]


def test_the_summary_of_a_stopped_run_says_why_and_how_to_go_on(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.update_record(**RECORD, status="stopped", reason="FID 15 is too bad")
    stopped, go_on = summary(run).splitlines()[1:3]
    assert stopped == "  stopped      FID 15 is too bad"
    assert go_on == f"  to go on     delete {run.path}/stop_rule.json and resume the run"


def test_a_value_in_random_features_says_so_beside_it():
    extractors = {name: {"name": name, "weights": "0"} for name in ("random", "inception")}
    evaluation = {"extractors": extractors, "features": {"fid": {"values": ["fid"]}}}
    final = {name: {"value": 1.0, "real_baseline": 0.5} for name in ("fid", "fid/inception", "modes")}
    assert measures({"final": final, "evaluation": evaluation})[:3] == [
        "  FID           1.000, in random features   (a perfect generator: 0.500)",
        "  FID/INCEPTION 1.000   (a perfect generator: 0.500)",
        "  MODES         1.000   (a perfect generator: 0.500)",
    ]


def test_a_summary_says_what_was_found_and_what_to_try(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.write_config({"penalty": {}})
    found = {"oscillation": {"began": 5000, "ended": None, "reason": "every 6 rows"}}
    run.update_record(**RECORD, findings=found)
    lines = summary(run).splitlines()
    assert "  found        oscillation, from 5,000 images on: every 6 rows" in lines
    assert "  try          penalty=r1: nothing keeps the discriminator smooth (gan-diagnose tries it and more)" in lines


def test_a_table_has_value_margin_baseline_spread_and_provenance():
    final = RECORD["final"] | {"few_gain": {"value": -1.5, "margin": 0.25, "higher_is_better": True}}
    table, provenance = as_markdown(RECORD | {"final": final}).split("\n\n")
    assert table.splitlines()[2:] == [
        "| FID | 4.125 ± 0.250 | 0.500 ± 0.0625 |  |",
        "| IS | 0.0123 |  |  |",
        "| FEW_GAIN | -1.500 ± 0.250 |  | higher |",
    ]
    (measured,) = describe_provenance(EVALUATION)
    assert provenance == f"Measured in {measured}. {MARGIN_LIMITS} {BASELINE_LIMITS}"


def test_what_was_left_out_of_the_evaluation_is_named():
    record = RECORD | {"evaluation": EVALUATION | {"left_out": {"inception": "no weights"}}}
    assert measures(record)[-1] == "  left out     inception: no weights"
    assert measures({}) == []


def test_values_measured_differently_have_different_descriptions():
    other = {"native": EVALUATION["extractors"]["native"] | {"resize": "tf1", "name": "digits"}}
    changes = {"truncation": 0.7, "real_split": "train", "seed": 3, "extractors": other}
    (line,) = describe_provenance(EVALUATION | changes)
    assert line == (
        "native (digits) features (tf1, weights 01234567), 10,000 samples of the EMA generator, truncation 0.7, "
        "1,797 real ones (train), seed 3"
    )
    assert describe_provenance({"samples": 50, "generator": None}) == ["50 images"]


def test_paths_below_the_working_directory_are_shown_relative_to_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "a" / "b") == "a/b"
    assert shown(Path("/elsewhere")) == "/elsewhere"


@pytest.mark.parametrize(
    "damage", [{"seconds": None}, {"evaluation": 1e308}, {"evaluation": {"real_images": "many"}}, {"images_seen": []}]
)
def test_a_damaged_record_is_refused_by_its_file(tmp_path, damage):
    run = RunFolder(tmp_path)
    run.update_record(**RECORD | damage)
    with pytest.raises(ConfigError, match=r"record\.json: damaged"):
        summary(run)


def test_a_command_to_try_names_the_folder_of_the_run(tmp_path):
    run = RunFolder(tmp_path / "my run")
    final = {"fid": {"value": 90.0, "real_baseline": 0.3, "higher_is_better": False}}
    run.update_record(images_seen=1000, seconds=3.0, final=final, best={"images_seen": 1000})
    assert (
        f"  try          FID was still getting better at the end: gan-train resume='{run.path}' budget.images=2000"
        in (summary(run).splitlines())
    )
    run.write_config({"trusted": ["claimed"]})  # which a folder cannot ask for
    assert "trusted" not in summary(run)
    assert f"gan-train resume='{run.path}' 'trusted=[mine]' budget.images=2000" in summary(run, ["mine"])
