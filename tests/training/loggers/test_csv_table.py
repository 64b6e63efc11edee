import csv

import pytest

from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import read_metrics
from gan_experiments.training.loggers.csv_table import MetricsTable


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path)


def rows(run):
    with run.metrics_file.open() as file:
        return list(csv.DictReader(file))


def test_one_row_per_clock_value_whoever_logs(run):
    table = MetricsTable(run)
    table.log_metrics({"loss": 1.5}, 10)
    table.log_metrics({"fid": 7.0}, 10)
    table.log_metrics({"loss": 1.0}, 20)
    table.save()
    assert rows(run) == [
        {"images_seen": "10", "loss": "1.5", "fid": "7.0"},
        {"images_seen": "20", "loss": "1.0", "fid": ""},
    ]


def test_a_new_column_keeps_what_was_written(run):
    table = MetricsTable(run)
    table.log_metrics({"loss": 1.0}, 10)
    table.save()
    table.log_metrics({"fid": 2.0}, 20)
    table.save()
    assert [list(row.values()) for row in rows(run)] == [["10", "1.0", ""], ["20", "", "2.0"]]


def test_a_resumed_table_goes_on_as_if_it_had_not_stopped(run, tmp_path):
    whole = RunFolder(tmp_path / "whole")
    for target, stops in ((whole, []), (run, [30])):
        table = MetricsTable(target)
        for clock in range(10, 60, 10):
            table.log_metrics({"loss": clock / 10}, clock)
            if clock == 40 and stops:  # killed after a row that its checkpoint at 30 did not know of
                table.save()
                table = MetricsTable(target)
                table.rewind(30)
                table.log_metrics({"loss": 4.0}, 40)
        table.finalize("success")
    assert run.metrics_file.read_text() == whole.metrics_file.read_text()


def test_values_of_the_clock_value_that_a_table_was_rewound_to_complete_its_row(run):
    MetricsTable(run).log_metrics({"loss": 1.0}, 5)
    for values in ({"loss": 2.0, "old": 1.0}, {"fid": 3.0, "old": 2.0}):
        table = MetricsTable(run)
        table.rewind(10)
        table.log_metrics(values, 10)
        table.save()
    table.log_metrics({"loss": 4.0}, 20)
    table.save()
    assert [list(row.values()) for row in rows(run)] == [["10", "2.0", "2.0", "3.0"], ["20", "4.0", "", ""]]


def test_half_a_row_is_left_out(run):
    table = MetricsTable(run)
    for clock in (10, 20):
        table.log_metrics({"loss": 1.0, "fid": 12.25}, clock)
    table.save()
    text = run.metrics_file.read_text()
    for cut in range(1, 11):
        run.metrics_file.write_text(text[:-cut])
        assert read_metrics(run).rows == [["10", "1.0", "12.25"]]


def test_rewinding_what_is_not_there_does_nothing(run):
    MetricsTable(run).rewind(100)
    assert not run.metrics_file.exists()
