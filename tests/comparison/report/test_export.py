import csv

import pytest
from pyarrow import parquet

from gan_experiments.comparison.report import export


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


def test_a_column_of_several_kinds_becomes_text(tmp_path):
    export.write_parquet({"a": [1, "x"], "b": [None, None], "c": [1, 2.5]}, tmp_path / "t.parquet")
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == [
        {"a": "1", "b": None, "c": 1.0},
        {"a": "x", "b": None, "c": 2.5},
    ]
