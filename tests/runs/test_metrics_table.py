import math

import pytest

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import read_metrics

TEXT = (
    "images_seen,speed/seconds,metrics/fid,metrics/is\n100,10,,\n150,,5.0,oops\n200,20,4.0,2.0\n300,30,nan,3.0\n"
    "400,40,inf,\n500,50,1.0,2"
)


@pytest.fixture
def table(tmp_path):
    """Write a file of metrics and read it."""

    def read(text):
        run = RunFolder(tmp_path)
        run.metrics_file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_metrics(run)

    return read


def test_a_curve_has_the_clock_the_values_and_the_time(table):
    curves = table(TEXT).curves()
    assert list(curves) == ["fid", "is"]
    assert curves["fid"].images.tolist() == [150, 200, 400], "the row that was cut off is no row"
    assert curves["fid"].values.tolist() == [5.0, 4.0, math.inf]
    assert curves["fid"].seconds.tolist() == [15.0, 20.0, 40.0]
    assert curves["is"].images.tolist() == [200, 300]


def test_a_curve_without_times_has_none(table):
    assert math.isnan(table("images_seen,metrics/fid\n10,1.0\n").curves()["fid"].seconds.item())


def test_the_latest_value_of_each_column(table):
    latest = table(TEXT).latest()
    assert latest == {"images_seen": 400, "speed/seconds": 40, "metrics/fid": math.inf, "metrics/is": 3.0}
    assert table(TEXT).latest_measures() == {"fid": math.inf, "is": 3.0}


def test_columns_as_numbers(table):
    columns = table(TEXT).numbers()
    assert columns["images_seen"].tolist() == [100, 150, 200, 300, 400]
    assert [math.isnan(value) for value in columns["metrics/is"]] == [True, True, False, False, True]


def test_cells_are_kept_as_they_were_written(table):
    assert table("images_seen,loss\n10,1.50\n20,\n").rows == [["10", "1.50"], ["20", ""]]


@pytest.mark.parametrize("text", ["", "images_seen", "images_seen,metrics/fid\n", "images_seen,metrics/fid\n10,1"])
def test_a_table_without_rows_is_empty(table, text):
    assert (table(text).rows, table(text).curves(), table(text).latest()) == ([], {}, {})


def test_rows_that_are_not_whole_are_left_out(table):
    assert table("images_seen,a,b\n10,1\n20,1,2\n30,1,2,3\nx,1,2\n,1,2\n").rows == [["20", "1", "2"]]


def test_a_run_that_has_logged_nothing_has_an_empty_table(tmp_path):
    assert read_metrics(RunFolder(tmp_path)) == ([], [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00\x01", "cannot be read"),
        (b"a,b\n1,2\n", "not the metrics of a run"),
        (b"images_seen,images_seen\n1,2\n", "not the metrics of a run"),
    ],
)
def test_another_file_is_refused(table, tmp_path, content, reason):
    with pytest.raises(ConfigError) as refused:
        table(content)
    assert str(refused.value) == f"{tmp_path / 'metrics.csv'}: {reason}"
