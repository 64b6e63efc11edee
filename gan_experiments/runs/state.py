"""State of a run as its folder shows it now: status, progress, newest values, size. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_experiments.core.clock import duration
from gan_experiments.core.dotted import value_of
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import LoggedMetrics, read_metrics
from gan_experiments.runs.results import scores
from gan_experiments.runs.summary import number

STATUSES = ("finished", "diverged", "failed", "interrupted", "pruned", "stopped", "running")
UNKNOWN = "unknown"  # the status of a run without a record that can be read
_MOST_MEASURES = 3


@dataclass(frozen=True)
class RunState:
    """State of a run.

    Attributes:
        status: One of ``STATUSES``, or ``UNKNOWN``.
        reason: Reason of that status.
        images: Real images seen.
        budget: Real images to see; 0 if nothing says.
        seconds: Training time.
        speed: Recent images/s.
        measures: Newest value of each measure; of the final evaluation if the run has finished.
    """

    status: str
    reason: str
    images: int
    budget: int
    seconds: float
    speed: float
    measures: dict[str, float]

    def progress(self, measures: int = 1) -> str:
        """Describe how far the run is, with its newest values, its speed and its remaining time while it runs."""
        parts = [f"{self.images:,}{f'/{self.budget:,}' if self.budget else ''} images"]
        if self.status == "running" and self.speed:
            parts.append(f"{self.speed:,.0f}/s")
        parts += [self.values(measures)] if self.measures else []
        if self.status == "running" and self.speed:
            parts.append(f"{duration(max(0, self.budget - self.images) / self.speed)} left")
        return " · ".join([*parts, *filter(None, [self.reason])])

    def values(self, most: int = _MOST_MEASURES) -> str:
        """Return the newest values, at most ``most`` of them."""
        return ", ".join(f"{name.upper()} {number(value)}" for name, value in list(self.measures.items())[:most])


def read_state(folder: RunFolder) -> tuple[RunState, dict[str, Any]]:
    """Read the state of a run, and the record that it was read from."""
    record = folder.record()
    cut_off = record.get("status") == "running" and not folder.held()
    if cut_off:
        record = folder.record()  # it may have ended between the two readings
        cut_off = record.get("status") == "running"
    status = record.get("status")
    status, reason = (status, record.get("reason") or "") if status in STATUSES else (UNKNOWN, "")
    if cut_off:
        status, reason = "interrupted", "cut off"
    # The record of a run that is under way is not up to date.
    logged = LoggedMetrics([], []) if status == "finished" else _logged(folder)
    latest = logged.latest()
    state = RunState(
        str(status),
        str(reason),
        int(max(_number(latest, "images_seen"), _number(record, "images_seen"))),
        int(_number(record, "budget.images")),
        _number(latest, "speed/seconds") or _number(record, "seconds"),
        _number(latest, "speed/images_per_second"),
        logged.latest_measures() or scores(record),
    )
    return state, record


def size_and_time(folder: Path) -> tuple[int, float]:
    """Return how many bytes the files below a folder have, and when the newest of them was changed."""
    size, newest = 0, 0.0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(path, name))
            except FileNotFoundError:  # a run that is under way replaces its files
                continue
            size += status.st_size
            newest = max(newest, status.st_mtime)
    return size, newest


def _number(values: Mapping[str, Any], key: str) -> float:
    """Return the number at a dotted key; 0 if there is none that can be one of images or seconds."""
    value = value_of(values, key)
    return value if isinstance(value, (int, float)) and value == value and abs(value) < 1e18 else 0


def _logged(folder: RunFolder) -> LoggedMetrics:
    try:
        return read_metrics(folder)
    except ConfigError:
        return LoggedMetrics([], [])
