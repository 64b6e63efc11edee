"""Lightning logger that writes scalars to ``metrics.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from gan_experiments.core.files import write_text
from gan_experiments.core.text import csv_text
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import CLOCK, read_metrics


class MetricsTable(Logger):
    """Writes ``metrics.csv``: one row per clock value, one column per name, the clock first.

    Args:
        run: The run's folder; rows that it has are kept.
    """

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self._run = run
        table = read_metrics(run)
        self._columns = table.columns if table.rows else [CLOCK]
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
        """Add ``metrics`` to the row of clock value ``step``; a row is written when the clock advances."""
        if step != self._clock:
            self.save()
            self._clock = int(step or 0)
        self._row.update(metrics)

    @rank_zero_only
    def save(self) -> None:
        """Write the pending row; a new column rewrites the table atomically."""
        if not self._row:
            return
        row = {CLOCK: self._clock, **self._row}
        self._row = {}
        file = self._run.metrics_file
        unknown = [column for column in row if column not in self._columns]
        self._columns += unknown
        cells = [row.get(column, "") for column in self._columns]
        if unknown or not file.exists():
            earlier = [[*old, *[""] * (len(cells) - len(old))] for old in read_metrics(self._run).rows]
            write_text(file, csv_text([self._columns, *earlier, cells]))
        else:
            with file.open("a", encoding="utf-8", newline="") as opened:
                opened.write(csv_text([cells]))

    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()


def rewind(run: RunFolder, images_seen: int) -> None:
    """Drop the rows after ``images_seen``: a resumed run writes them again."""
    table = read_metrics(run)
    if table.rows:
        clock = table.columns.index(CLOCK)
        kept = [row for row in table.rows if int(row[clock]) <= images_seen]
        write_text(run.metrics_file, csv_text([table.columns, *kept]))
