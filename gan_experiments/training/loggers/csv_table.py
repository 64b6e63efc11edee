"""CSV logger: scalars as ``metrics.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.utilities import rank_zero_only

from gan_experiments.core.files import write_text
from gan_experiments.core.text import csv_text
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import CLOCK, read_metrics
from gan_experiments.training.loggers.base import RunLogger


class MetricsTable(RunLogger):
    """Writes ``metrics.csv``: one row per clock value, one column per scalar, the clock first.

    Args:
        run: The run's folder; rows that are already in its table are kept.
    """

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self._run = run
        self._columns: list[str] = []  # read from the file when the first row is written
        self._clock = -1
        self._written = -1  # clock value of the table's last row
        self._row: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The logger's name."""
        return "csv"

    @property
    def version(self) -> str:
        """Empty: a run has one table."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add ``metrics`` to the row of clock value ``step``; a row is written when the clock advances."""
        if step != self._clock:
            self.save()
            self._clock = int(step or 0)
        self._row.update(metrics)

    @rank_zero_only
    def save(self) -> None:
        """Append the current row; a new column, or more values of the last row, rewrite the whole table atomically."""
        if not self._row:
            return
        row = {CLOCK: self._clock, **self._row}
        self._row = {}
        file = self._run.metrics_file
        if not self._columns:
            table = read_metrics(self._run)
            self._columns = table.columns if table.rows else [CLOCK]
        unknown = [column for column in row if column not in self._columns]
        self._columns += unknown
        cells = [row.get(column, "") for column in self._columns]
        completes = self._clock == self._written
        if unknown or completes or not file.exists():
            rows: list[list[Any]] = [[*old, *[""] * (len(cells) - len(old))] for old in read_metrics(self._run).rows]
            earlier = rows.pop() if completes else cells
            cells = [old if new == "" else new for old, new in zip(earlier, cells, strict=True)]
            write_text(file, csv_text([self._columns, *rows, cells]))
        else:
            with file.open("a", encoding="utf-8", newline="") as opened:
                opened.write(csv_text([cells]))
        self._written = self._clock

    def finalize(self, status: str) -> None:
        """Append the last row."""
        self.save()

    def rewind(self, images_seen: int) -> None:
        """Delete the rows after ``images_seen``; values that are logged at this clock value complete the last row."""
        table = read_metrics(self._run)
        if table.rows:
            clock = table.columns.index(CLOCK)
            kept = [row for row in table.rows if int(row[clock]) <= images_seen]
            write_text(self._run.metrics_file, csv_text([table.columns, *kept]))
            self._written = int(kept[-1][clock]) if kept else -1
