import math

import pytest
from synthetic import write_run, write_study

from gan_experiments.compare.collect import collect, finite, flatten
from gan_experiments.core.types import ConfigError


def test_runs_are_found_two_folders_deep(tmp_path):
    write_run(tmp_path / "one", seed=1)
    write_run(tmp_path / "day" / "two", seed=2)
    write_run(tmp_path / "day" / "too" / "deep", seed=3)
    found = collect(tmp_path)
    assert [(run.name, run.seed) for run in found.runs] == [("day/two", 2), ("one", 1)]
    assert found.left_out == [("day/too", "holds no run")]


def test_what_is_no_run_is_listed_and_left_out(tmp_path):
    write_run(tmp_path / "good")
    broken = {
        "no_config": ("config.yaml", None, "has no config.yaml"),
        "no_record": ("record.json", None, "has no record.json"),
        "bad_record": ("record.json", b"{", "record.json cannot be read"),
        "list_record": ("record.json", b"[1]", "record.json cannot be read"),
        "bad_config": ("config.yaml", b"a: [", "config.yaml cannot be read"),
        "binary_config": ("config.yaml", b"\x00\xff", "config.yaml cannot be read"),
        "other_config": ("config.yaml", b"a: 1", "config.yaml is not the config of a run (no seed in it)"),
        "other_status": ("record.json", b'{"status": "great"}', "record.json has no known status ('great')"),
        "binary_table": ("metrics.csv", b"\xff\xfe\x00\x01", "metrics.csv cannot be read"),
        "other_table": ("metrics.csv", b"a,b\n1,2\n", "metrics.csv is not a table of a run"),
    }
    for name, (file, content, _) in broken.items():
        path = write_run(tmp_path / name).path / file
        path.unlink() if content is None else path.write_bytes(content)
    (tmp_path / "notes").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "comparison").mkdir()
    (tmp_path / "table.csv").write_text("")
    found = collect(tmp_path)
    assert [run.name for run in found.runs] == ["good"]
    assert dict(found.left_out) == {name: reason for name, (*_, reason) in broken.items()} | {"notes": "holds no run"}


def test_a_folder_of_nothing_but_strangers_is_refused_with_their_names(tmp_path):
    write_run(tmp_path / "old").record_file.unlink()
    with pytest.raises(ConfigError, match=r"no run can be read below(.|\n)*old: has no record.json"):
        collect(tmp_path)
    with pytest.raises(ConfigError, match="there is no folder"):
        collect(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="is one run; a study is the folder above"):
        collect(tmp_path / "old")


def test_a_config_runs_no_code(tmp_path):
    run = write_run(tmp_path / "evil")
    run.config_file.write_text(f"seed: !!python/object/apply:os.system ['touch {tmp_path}/touched']\n")
    with pytest.raises(ConfigError):
        collect(tmp_path)
    assert not (tmp_path / "touched").exists()


def test_a_curve_has_the_clock_the_values_and_the_time(tmp_path):
    run = write_run(tmp_path / "run")
    run.metrics_file.write_text(
        "images_seen,speed/seconds,metrics/fid,metrics/is\n100,10,,\n150,,5.0,oops\n200,20,4.0,2.0\n300,30,nan,3.0\n"
        "400,40,inf,\n500,50,1.0,2"
    )
    ((found,), _) = collect(tmp_path)
    fid, score = found.curves["fid"], found.curves["is"]
    assert fid.images.tolist() == [150, 200, 400], "the row that was cut off is no row"
    assert fid.values.tolist() == [5.0, 4.0, math.inf]
    assert fid.seconds.tolist() == [15.0, 20.0, 40.0]
    assert score.images.tolist() == [200, 300]


@pytest.mark.parametrize("text", ["", "images_seen,metrics/fid\n", "images_seen"])
def test_a_run_without_rows_has_no_curves(tmp_path, text):
    write_run(tmp_path / "run", status="failed").metrics_file.write_text(text)
    ((found,), _) = collect(tmp_path)
    assert found.curves == {}


def test_reading_changes_nothing(tmp_path):
    study = write_study(tmp_path, {"hinge": [1.0]})
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    collect(study)
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before


def test_what_a_record_notes_is_a_number_or_nothing(tmp_path):
    write_run(tmp_path / "run", record={"seconds": "long", "steps": [1], "images_seen": True})
    ((run,), _) = collect(tmp_path)
    assert [run.noted("seconds"), run.noted("steps", "discriminator"), run.noted("images_seen")] == [None] * 3
    assert [finite(1), finite(2.5), finite(math.inf), finite(None)] == [1.0, 2.5, None, None]


def test_flat_keys():
    nested = {"a": {"b": 1, "c": {}, "d": [1, {"e": 2}]}, "f": None}
    assert flatten(nested) == {"a.b": 1, "a.c": {}, "a.d": [1, {"e": 2}], "f": None}
