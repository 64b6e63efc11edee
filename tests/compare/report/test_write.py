import csv
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from synthetic import write_run, write_study

from gan_experiments.compare.report import export
from gan_experiments.compare.report.sample_grids import sample_grids
from gan_experiments.compare.report.tables import as_html, as_latex, as_markdown, tables
from gan_experiments.compare.report.write import write_report
from gan_experiments.core.types import ConfigError


@pytest.fixture
def report(study, compared):
    """Write the report of the study; returns its folder."""
    write_report(compared(study, baseline="hinge"), study, study / "comparison", "gan-compare study=losses")
    return study / "comparison"


class Page(HTMLParser):
    """Collects what a page refers to, and checks that what opens closes."""

    VOID = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.links, self.tags, self._open = [], [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag


def test_the_page_stands_alone(report):
    text = (report / "report.html").read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(link.startswith("data:image/") for link in page.links)
    assert not re.search(r"url\(|@import|http", re.sub(r"base64,[^\"]+", "", text))
    assert 'name=viewport content="width=device-width' in text
    assert "@media print" in text
    assert page.tags.count("img") == 4 + 3


def test_the_page_reports_the_result(report):
    text = (report / "report.html").read_text()
    for part in (
        "Against the baseline hinge: minimax and wasserstein are worse.",
        "5, 2 diverged (40 %)",
        "gan-compare study=losses",
        "0123456789",
        "torch 2.15.0",
        "run with seed 0; all of them show the same latents.",
    ):
        assert part in text


def test_what_a_stranger_named_does_no_harm(tmp_path, compared):
    evil = '<img src=x onerror="alert(1)">|$&_%#\\'
    for seed in range(2):
        write_run(tmp_path / f"{seed}", seed=seed, record={"choices": {"loss": "hinge"}}, config={"note": evil})
        write_run(tmp_path / f"b{seed}", seed=seed, config={"note": "b", "d_steps": evil}, record={"reason": evil})
    write_run(tmp_path / "<img src=x>", seed=9, status="failed", config={"note": "b"})
    comparison = compared(tmp_path, factor="note")
    write_report(comparison, tmp_path, tmp_path / "out", evil)
    text = (tmp_path / "out" / "report.html").read_text()
    Page(text)
    assert "<img src=x" not in text
    (table, *_) = tables(comparison)
    assert "<img" not in as_html(table)
    assert r"\$\&\_\%\#\textbackslash{}" in as_latex(table)
    assert all(line.count("|") - line.count("\\|") == len(table.head) + 1 for line in as_markdown(table).splitlines())


def test_markdown_and_latex_say_the_same(report):
    markdown, latex = (report / "report.md").read_text(), (report / "report.tex").read_text()
    for cell in ("wasserstein", "5, 2 diverged", "4.100 [3.904, 4.296]"):
        assert cell in markdown
        assert cell in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == markdown.count("\n| --- |")
    for row in re.findall(r"(?m)^.*\\\\$", latex.partition(r"\end{table}")[0]):
        assert row.count("&") == 6


def test_every_run_is_a_row(report, study):
    rows = list(csv.DictReader((report / "runs.csv").open()))
    assert len(rows) == 15
    (row,) = [row for row in rows if row["run"] == "digits-dcgan-loss_minimax-seed_2"]
    assert (row["arm"], row["seed"], row["status"], row["choice/loss"]) == ("minimax", "2", "finished", "minimax")
    assert float(row["final/fid"]) == 5.2
    assert row["overrides"] == "loss=minimax seed=2"
    assert row["evaluation.extractors.native.weights"] == "17df"
    assert (row["d_updates"], row["images_per_second"]) == ("3125.0", "1000.0")
    (lost,) = [row for row in rows if row["run"] == "digits-dcgan-loss_minimax-seed_1"]
    assert (lost["status"], lost["final/fid"], lost["reason"]) == ("diverged", "", "DivergedError: the loss is nan")


def test_every_value_of_a_curve_is_a_row(report, study):
    rows = list(csv.DictReader((report / "curves.csv").open()))
    assert len(rows) == 2 * (13 * 20 + 2 * 10)
    curve = [row for row in rows if row["run"] == "digits-dcgan-loss_hinge-seed_0" and row["measure"] == "fid"]
    table = list(csv.DictReader((study / "digits-dcgan-loss_hinge-seed_0" / "metrics.csv").open()))
    logged = [(row["images_seen"], float(row["metrics/fid"])) for row in table if row["metrics/fid"]]
    assert [(row["images_seen"], float(row["value"])) for row in curve] == logged


@pytest.mark.parametrize("name", ["runs", "curves"])
def test_parquet_says_what_csv_says(report, name):
    table = parquet.read_table(report / f"{name}.parquet").to_pylist()
    rows = list(csv.DictReader((report / f"{name}.csv").open()))
    assert [{key: "" if value is None else str(value) for key, value in row.items()} for row in table] == rows


def test_without_pyarrow_there_is_csv(study, compared, monkeypatch):
    monkeypatch.setattr(export, "has_parquet", lambda: False)
    files = write_report(compared(study), study, study / "out", "gan-compare")
    assert [file.name for file in files] == ["report.html", "report.md", "report.tex", "runs.csv", "curves.csv"]


def test_a_column_of_several_kinds_becomes_text(tmp_path):
    rows = [{"a": 1, "b": None, "c": 1}, {"a": "x", "b": None, "c": 2.5}]
    export.write_parquet(rows, tmp_path / "t.parquet")
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == [
        {"a": "1", "b": None, "c": 1.0},
        {"a": "x", "b": None, "c": 2.5},
    ]


def test_a_second_comparison_replaces_the_first_and_nothing_else(report, study, compared):
    (report / "mine.txt").write_text("mine")
    write_report(compared(study), study, report, "gan-compare")
    assert (report / "mine.txt").read_text() == "mine"
    assert "ranks first" in (report / "report.md").read_text()
    assert not list(report.glob(".*"))


@pytest.mark.parametrize("name", ["report.md", "comparison.json"])
def test_a_file_of_the_user_s_is_not_overwritten(report, study, compared, name):
    before = {path.name: path.read_bytes() for path in report.iterdir()} | {name: b"my own words"}
    (report / name).write_bytes(b"my own words")
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


def test_grids_are_of_one_seed_and_the_last(study, compared):
    grid = study / "digits-dcgan-loss_hinge-seed_0" / "samples" / "0000200000.png"
    for path in grid.parent.parent.parent.glob("*wasserstein-seed_0/samples/*"):
        path.unlink()
    note, grids = sample_grids(compared(study))
    assert note == "The last sample grid of each arm's run with seed 1; all of them show the same latents."
    assert [grid.label for grid in grids] == ["hinge", "minimax", "wasserstein"]
    assert grids[1].caption == "digits-dcgan-loss_minimax-seed_1 at 100,000 images, diverged"


def test_grids_that_cannot_be_read_are_left_out_and_large_ones_made_small(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0], "minimax": [5.0]}, grid=True)
    (study / "digits-dcgan-loss_hinge-seed_0" / "samples" / "0000200000.png").write_bytes(b"not an image")
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(study / "digits-dcgan-loss_minimax-seed_0" / "samples" / "0000200000.png")
    _, (image,) = sample_grids(compared(study))
    assert (image.label, image.media_type) == ("minimax", "image/jpeg")
    assert len(image.data) < 1_000_000


def test_a_study_without_grids_has_no_grids(tmp_path, compared):
    assert sample_grids(compared(write_study(tmp_path, {"hinge": [4.0]})))[1] == []


def test_a_measure_that_may_be_infinite_is_written(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0, math.inf], "minimax": [5.0, 5.1]})
    comparison = compared(study)
    assert comparison.arms[1].diverged == 1
    write_report(comparison, study, study / "comparison", "gan-compare")
