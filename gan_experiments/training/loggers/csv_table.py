"""Scalars as a table that any tool reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from gan_experiments.core.files import write_text
from gan_experiments.runs.folder import RunFolder

CLOCK = "images_seen"


class MetricsTable(Logger):
    """Writes ``metrics.csv``: one row per clock value, one column per name, the clock first.

    Args:
        run: The run's folder; rows that it has are kept.
    """

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self._file = run.metrics_file
        rows = read_rows(run)
        self._columns = list(rows[0]) if rows else [CLOCK]
        self._clock = -1
        self._row: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The logger's name."""
        return "csv"

    @property
    def version(self) -> str:
        """There is one table per run."""
        return ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Hyperparameters are in ``config.yaml``."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Put ``metrics`` into the row of clock value ``step``; a row is written when the clock moves on."""
        if step != self._clock:
            self.save()
            self._clock = int(step or 0)
        self._row.update(metrics)

    @rank_zero_only
    def save(self) -> None:
        """Write the row at hand; a new column rewrites the table in one piece."""
        if not self._row:
            return
        row = {CLOCK: self._clock, **self._row}
        self._row = {}
        unknown = [column for column in row if column not in self._columns]
        if unknown or not self._file.exists():
            self._columns += unknown
            write_text(self._file, _format([*_read(self._file), row], self._columns, header=True))
        else:
            with self._file.open("a", encoding="utf-8", newline="") as file:
                file.write(_format([row], self._columns, header=False))

    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()


def read_rows(run: RunFolder) -> list[dict[str, str]]:
    """Read the table of a run; a row that was cut off while it was written is left out."""
    return _read(run.metrics_file)


def rewind(run: RunFolder, images_seen: int) -> None:
    """Drop the rows after ``images_seen``: a resumed run writes them again."""
    rows = read_rows(run)
    if rows:
        kept = [row for row in rows if int(row[CLOCK]) <= images_seen]
        write_text(run.metrics_file, _format(kept, list(rows[0]), header=True))


def _read(file: Any) -> list[dict[str, str]]:
    if not file.exists():
        return []
    text = file.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    rows = list(csv.DictReader(io.StringIO(whole)))
    return [row for row in rows if None not in row.values() and str(row.get(CLOCK, "")).isdigit()]


def _format(rows: list[Any], columns: list[str], header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
