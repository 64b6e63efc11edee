"""State of a job, read from its run folder. Imports no torch."""

from __future__ import annotations

from typing import NamedTuple

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import LoggedMetrics, read_metrics
from gan_experiments.runs.results import scores
from gan_experiments.sweeps.plan import Job

SKIPPED, ELSEWHERE, WAITING = "skipped", "running elsewhere", "not started"


class JobState(NamedTuple):
    """State of a job.

    Attributes:
        status: As in the record, or ``SKIPPED``, ``ELSEWHERE`` or ``WAITING``.
        reason: Reason of that status.
        images: Real images seen.
        seconds: Training time.
        speed: Recent images/s.
        measures: Latest value of each measure; of the final evaluation if the job has finished.
        touched: Whether this sweep has changed its record.
    """

    status: str
    reason: str
    images: int
    seconds: float
    speed: float
    measures: dict[str, float]
    touched: bool


def state_of(job: Job, running: bool) -> JobState:
    """Read the state of a job.

    Args:
        job: The job.
        running: Whether the sweep is still running.
    """
    record = job.folder.record()
    cut_off = record.get("status") == "running" and not job.folder.held()
    if cut_off:
        record = job.folder.record()  # it may have ended between the two readings
        cut_off = record.get("status") == "running"
    touched = record != job.before
    status, reason = record.get("status") or WAITING, record.get("reason") or ""
    if cut_off:
        status, reason = "interrupted", "cut off"
    elif status == "running" and not running:
        status = ELSEWHERE
    elif status == "finished" and not touched:
        status = SKIPPED
    elif status in ("failed", "diverged") and not touched:
        reason += " (before; retry=failed tries it again)"
    # The record of a run that is under way is not up to date.
    logged = LoggedMetrics([], []) if status in ("finished", SKIPPED) else _logged(job.folder)
    latest = logged.latest()
    images = max(latest.get("images_seen", 0), record.get("images_seen", 0))
    seconds = latest.get("speed/seconds", record.get("seconds") or 0.0)
    speed = latest.get("speed/images_per_second", 0.0)
    measures = logged.latest_measures() or scores(record)
    return JobState(status, reason, int(images), float(seconds), speed, measures, touched)


def _logged(folder: RunFolder) -> LoggedMetrics:
    try:
        return read_metrics(folder)
    except ConfigError:
        return LoggedMetrics([], [])
