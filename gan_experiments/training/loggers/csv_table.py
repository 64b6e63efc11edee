"""CSV logger: scalars as ``metrics.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities import rank_zero_only

from gan_experiments.core.files import write_text
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.loggers.base import RunLogger

CLOCK = "images_seen"


class MetricsTable(RunLogger):
    """Writes ``metrics.csv``: one row per clock value, one column per scalar, the clock first.

    Args:
        run: The run's folder; rows that are already in its table are kept.
    """

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self._file = run.metrics_file
        self._columns: list[str] = []  # read from the file when the first row is written
        self._clock = -1
        self._row: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The logger's name."""
        return "csv"

    @property
    def version(self) -> str:
        """Empty: a run has one table."""
        return ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: hyperparameters are in ``config.yaml``."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add ``metrics`` to the row of clock value ``step``; a row is written when the clock advances."""
        if step != self._clock:
            self.save()
            self._clock = int(step or 0)
        self._row.update(metrics)

    @rank_zero_only
    def save(self) -> None:
        """Append the current row; a new column rewrites the whole table atomically."""
        if not self._row:
            return
        row = {CLOCK: self._clock, **self._row}
        self._row = {}
        if not self._columns:
            rows = _read(self._file)
            self._columns = list(rows[0]) if rows else [CLOCK]
        unknown = [column for column in row if column not in self._columns]
        if unknown or not self._file.exists():
            self._columns += unknown
            write_text(self._file, _format([*_read(self._file), row], self._columns, header=True))
        else:
            with self._file.open("a", encoding="utf-8", newline="") as file:
                file.write(_format([row], self._columns, header=False))

    def finalize(self, status: str) -> None:
        """Append the last row."""
        self.save()

    def rewind(self, images_seen: int) -> None:
        """Delete the rows after ``images_seen``."""
        rows = _read(self._file)
        if rows:
            kept = [row for row in rows if int(row[CLOCK]) <= images_seen]
            write_text(self._file, _format(kept, list(rows[0]), header=True))


def read_rows(run: RunFolder) -> list[dict[str, str]]:
    """Read the table of a run, without a last row that was cut off while it was written."""
    return _read(run.metrics_file)


def _read(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    text = file.read_text(encoding="utf-8")
    complete = text[: text.rfind("\n") + 1]
    rows = list(csv.DictReader(io.StringIO(complete)))
    return [row for row in rows if None not in row.values() and str(row.get(CLOCK, "")).isdigit()]


def _format(rows: list[Any], columns: list[str], header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
