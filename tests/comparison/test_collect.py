import math

import pytest
from synthetic import FEATURES, write_run, write_study

from gan_experiments.comparison.collect import collect, finite, with_evaluation
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.results import scores


def test_runs_are_found_two_folders_deep(tmp_path):
    write_run(tmp_path / "one", seed=1)
    write_run(tmp_path / "day" / "two", seed=2)
    write_run(tmp_path / "day" / "too" / "deep", seed=3)
    study = collect(tmp_path)
    assert [(run.name, run.seed) for run in study.runs] == [("day/two", 2), ("one", 1)]
    deeper = tmp_path / "day" / "too" / "deep"
    assert study.left_out == [
        ("day/too", f"not a run folder: config.yaml is missing; the newest run in it is {deeper}")
    ]


def test_what_is_no_run_is_listed_and_left_out(tmp_path):
    write_run(tmp_path / "good")
    broken = {
        "no_config": ("config.yaml", None, "not a run folder: config.yaml is missing"),
        "no_record": ("record.json", None, "record.json: missing"),
        "bad_record": ("record.json", b"{", "record.json: cannot be read"),
        "list_record": ("record.json", b"[1]", "record.json: cannot be read"),
        "bad_config": ("config.yaml", b"a: [", "config.yaml: cannot be read: while parsing a flow node"),
        "binary_config": ("config.yaml", b"\x00\xff", "config.yaml: cannot be read: "),
        "other_config": ("config.yaml", b"a: 1", "config.yaml: not the config of a run (it has no seed)"),
        "other_status": ("record.json", b'{"status": "great"}', "record.json: unknown status 'great'"),
        "no_status": ("record.json", b'{"seed": 1}', "record.json: has no status: the run never began"),
        "binary_table": ("metrics.csv", b"\xff\xfe\x00\x01", "metrics.csv: cannot be read"),
        "other_table": ("metrics.csv", b"a,b\n1,2\n", "metrics.csv: not the metrics of a run"),
    }
    for name, (file, content, _) in broken.items():
        path = write_run(tmp_path / name).path / file
        path.unlink() if content is None else path.write_bytes(content)
    (tmp_path / "notes").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "comparison").mkdir()
    (tmp_path / "table.csv").write_text("")
    study = collect(tmp_path)
    assert [run.name for run in study.runs] == ["good"]
    expected = {name: reason for name, (*_, reason) in broken.items()}
    expected["notes"] = "not a run folder: config.yaml is missing"
    assert dict(study.left_out).keys() == expected.keys()
    assert all(reason.startswith(expected[name]) for name, reason in study.left_out)


def test_a_folder_of_nothing_but_strangers_is_refused_with_their_names(tmp_path):
    write_run(tmp_path / "old").record_file.unlink()
    with pytest.raises(ConfigError, match=r"no run can be read in(.|\n)*old: record.json: missing"):
        collect(tmp_path)
    with pytest.raises(ConfigError, match="nowhere is not a folder"):
        collect(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="is one run; a study is the folder above"):
        collect(tmp_path / "old")


@pytest.mark.parametrize("study", [".", ".."])
def test_the_folder_above_a_run_that_one_is_in_is_named(tmp_path, monkeypatch, study):
    run = write_run(tmp_path / "old")
    (run.path / "samples").mkdir(exist_ok=True)
    monkeypatch.chdir(run.path if study == "." else run.path / "samples")
    with pytest.raises(ConfigError) as error:
        collect(study)
    assert f"(try study={tmp_path})" in str(error.value)


def test_a_config_runs_no_code(tmp_path):
    run = write_run(tmp_path / "evil")
    run.config_file.write_text(f"seed: !!python/object/apply:os.system ['touch {tmp_path}/touched']\n")
    with pytest.raises(ConfigError):
        collect(tmp_path)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("text", ["", "images_seen,metrics/fid\n", "images_seen"])
def test_a_run_without_rows_has_no_curves(tmp_path, text):
    write_run(tmp_path / "run", status="failed").metrics_file.write_text(text)
    ((run,), _) = collect(tmp_path)
    assert run.curves == {}


def test_reading_changes_nothing(tmp_path):
    study = write_study(tmp_path, {"hinge": [1.0]})
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    collect(study)
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before


def test_what_a_record_notes_is_a_number_or_nothing(tmp_path):
    write_run(tmp_path / "run", record={"seconds": "long", "steps": [1], "images_seen": True})
    ((run,), _) = collect(tmp_path)
    assert [run.recorded("seconds"), run.recorded("steps.discriminator"), run.recorded("images_seen")] == [None] * 3
    assert [finite(1), finite(2.5), finite(math.inf), finite(None)] == [1.0, 2.5, None, None]


def later(value, **how):
    return {"final": {"fid": {"value": value}}, "evaluation": {"samples": 50_000, "features": FEATURES} | how}


def test_an_evaluation_made_afterwards_takes_the_place_of_a_run_s_own(study):
    for number, run in enumerate(collect(study).runs):
        run.folder.update_record(evaluations={"inception-50k": later(float(number))})
    runs = with_evaluation(collect(study), "inception-50k").runs
    assert [scores(run.record)["fid"] for run in runs] == list(range(len(runs)))
    assert {run.record["evaluation"]["samples"] for run in runs} == {50_000}
    assert all(run.curves == {} and scores(run.record, "best") == {} for run in runs)
    assert [run.status for run in runs] == [run.status for run in collect(study).runs]


def test_runs_that_lack_an_evaluation_are_named(study):
    first, *others = [run for run in collect(study).runs if run.status == "finished"]
    for run in others:
        run.folder.update_record(evaluations={"inception-50k": later(1.0)})
    with pytest.raises(ConfigError, match=rf"'inception-50k' is missing in 1 of \d+ finished runs: {first.name}"):
        with_evaluation(collect(study), "inception-50k")
    with pytest.raises(ConfigError, match=r"did you mean 'inception-50k'\?"):
        with_evaluation(collect(study), "inception-5k")
