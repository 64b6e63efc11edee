"""Reads ``metrics.csv``: the scalars that a run has logged, one row per clock value. Imports no torch."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_experiments.core.files import read_bytes
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder

CLOCK = "images_seen"
_MEASURES = "metrics/"  # prefix of the columns of measures
_LARGEST = 2**28  # bytes
_SECONDS = "speed/seconds"

Floats = NDArray[np.float64]


class Curve(NamedTuple):
    """The periodic evaluations of one measure, three arrays of one length.

    Attributes:
        images: Real images seen.
        values: The measure.
        seconds: Training time so far; NaN where the run has not logged any.
    """

    images: Floats
    values: Floats
    seconds: Floats


class LoggedMetrics(NamedTuple):
    """The rows of ``metrics.csv`` as text.

    Attributes:
        columns: Names, the clock among them; empty if nothing has been logged.
        rows: Cells in the order of ``columns``, empty where nothing was logged at that clock value.
    """

    columns: list[str]
    rows: list[list[str]]

    def numbers(self) -> dict[str, Floats]:
        """Return each column as an array, NaN where it holds no number."""
        return self._numbers(self.columns)

    def _numbers(self, names: Collection[str]) -> dict[str, Floats]:
        columns = zip(*self.rows, strict=True) if self.rows else repeat(())
        return {
            name: np.array([_number(cell) if cell else math.nan for cell in cells], dtype=np.float64)
            for name, cells in zip(self.columns, columns, strict=False)
            if name in names
        }

    def curves(self) -> dict[str, Curve]:
        """Return every measure that was logged at least once, by name."""
        measures = [name for name in self.columns if name.startswith(_MEASURES)]
        columns = self._numbers({CLOCK, _SECONDS, *measures})  # most columns are of other things
        if not columns:
            return {}
        images = columns[CLOCK]
        seconds = _interpolated(images, columns.get(_SECONDS, np.full_like(images, np.nan)))
        finite, curves = np.isfinite(images), {}
        for name in measures:
            logged = ~np.isnan(columns[name]) & finite
            if logged.any():
                curve = Curve(images, columns[name], seconds)
                curves[name.removeprefix(_MEASURES)] = curve if logged.all() else Curve(*(x[logged] for x in curve))
        return curves

    def latest(self) -> dict[str, float]:
        """Return the last value of every column that has one."""
        return {name: _number(cell) for row in self.rows for name, cell in zip(self.columns, row, strict=True) if cell}

    def latest_measures(self) -> dict[str, float]:
        """Return the last value of every measure, by name."""
        latest = self.latest().items()
        return {name.removeprefix(_MEASURES): value for name, value in latest if name.startswith(_MEASURES)}


def read_metrics(run: RunFolder) -> LoggedMetrics:
    """Read the table of a run, without a last row that was cut off while it was written; empty if there is no file.

    Raises:
        ConfigError: The file cannot be read, or is not the table of a run.
    """
    try:
        text = read_bytes(run.metrics_file, _LARGEST).decode()
    except FileNotFoundError:
        return LoggedMetrics([], [])
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{run.metrics_file}: cannot be read") from None
    complete = text[: text.rfind("\n") + 1]
    try:
        columns, *rows = csv.reader(io.StringIO(complete)) if complete else [[]]
    except csv.Error as error:
        raise ConfigError(f"{run.metrics_file}: cannot be read: {error}") from None
    if columns and (CLOCK not in columns or len(set(columns)) < len(columns)):
        raise ConfigError(f"{run.metrics_file}: not the metrics of a run")
    clock = columns.index(CLOCK) if columns else 0
    return LoggedMetrics(columns, [row for row in rows if len(row) == len(columns) and row[clock].isdecimal()])


def _interpolated(images: Floats, seconds: Floats) -> Floats:
    """Return the training time in every row, interpolated between the clock values at which it was logged."""
    logged = ~np.isnan(seconds)
    if not logged.any():
        return seconds
    filled: Floats = np.interp(images, np.append(0.0, images[logged]), np.append(0.0, seconds[logged]))
    return filled


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan
