import json
import math

import pytest
from synthetic import write_study

from gan_experiments.comparison.report import export
from gan_experiments.comparison.report.write import write_report
from gan_experiments.core.types import ConfigError


def test_without_pyarrow_there_is_csv(study, compared, monkeypatch):
    monkeypatch.setattr(export, "has_parquet", lambda: False)
    files = write_report(compared(study), study, study / "out", "gan-compare")
    assert [file.name for file in files] == ["report.html", "report.md", "report.tex", "runs.csv", "curves.csv"]


def test_a_second_comparison_replaces_the_first_and_nothing_else(report, study, compared):
    (report / "mine.txt").write_text("mine")
    write_report(compared(study), study, report, "gan-compare")
    assert (report / "mine.txt").read_text() == "mine"
    assert "ranks first" in (report / "report.md").read_text()
    assert not list(report.glob(".*"))


def test_of_a_report_that_cannot_be_written_whole_nothing_is(report, study, compared, monkeypatch):
    def full(table, path):
        raise OSError(28, "No space left on device")

    before = {path.name: path.read_bytes() for path in report.iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(export, "has_parquet", lambda: True)
        patched.setattr(export, "write_parquet", full)
        with pytest.raises(OSError, match="No space left"):
            write_report(compared(study), study, report, "another command")
    assert {path.name: path.read_bytes() for path in report.iterdir()} == before
    write_report(compared(study), study, report, "gan-compare")


@pytest.mark.parametrize(
    ("name", "content"),
    [("report.md", b"my own words"), ("comparison.json", b"my own words"), ("comparison.json", b'{"files": [1]}')],
)
def test_a_file_of_the_user_s_is_not_overwritten(report, study, compared, name, content):
    before = {path.name: path.read_bytes() for path in report.iterdir()} | {name: content}
    (report / name).write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{name}.*(would be overwritten|not written by)"):
        write_report(compared(study), study, report, "gan-compare")
    assert {path.name: path.read_bytes() for path in report.iterdir()} == before


def test_a_folder_with_files_of_those_names_is_left_alone(study, compared, tmp_path):
    (tmp_path / "runs.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"runs\.csv in .* would be overwritten"):
        write_report(compared(study), study, tmp_path, "gan-compare")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["runs.csv"]


def test_the_result_can_be_read_by_a_program(report):
    result = json.loads((report / "comparison.json").read_text())
    assert result["verdict"][0].startswith("Against the baseline hinge")
    assert set(result["files"]) == {path.name for path in report.iterdir()} - {"comparison.json"}


def test_a_measure_that_may_be_infinite_is_written(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0, math.inf], "minimax": [5.0, 5.1]})
    comparison = compared(study)
    assert comparison.arms[1].diverged == 1
    write_report(comparison, study, study / "comparison", "gan-compare")
