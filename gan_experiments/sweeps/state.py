"""How far a job is, read from its folder; imports no torch."""

from __future__ import annotations

import csv
from typing import Any, NamedTuple

from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.plan import Job

SKIPPED, ELSEWHERE, WAITING = "skipped", "running elsewhere", "not started"


class State(NamedTuple):
    """How far a job is.

    Attributes:
        status: As in the record, or one of those above.
        reason: Why it is so.
        images: Real images seen.
        seconds: Of training.
        speed: Images/s of late.
        figures: The newest value of each measure, in full if it has ended.
        touched: Whether this sweep has done something to it.
    """

    status: str
    reason: str
    images: int
    seconds: float
    speed: float
    figures: dict[str, float]
    touched: bool


def state_of(job: Job, running: bool) -> State:
    """Read the state of a job.

    Args:
        job: The job.
        running: Whether its sweep still is.
    """
    record = job.folder.record()
    cut_off = record.get("status") == "running" and not job.folder.held()
    if cut_off:
        record = job.folder.record()  # unless it has ended between the two looks
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
    latest = {} if status in ("finished", SKIPPED) else _latest(job.folder)  # the record is not up to date
    images = max(latest.get("images_seen", 0), record.get("images_seen", 0))
    seconds = latest.get("speed/seconds", record.get("seconds") or 0.0)
    rows = {name.removeprefix("metrics/"): value for name, value in latest.items() if name.startswith("metrics/")}
    speed = latest.get("speed/images_per_second", 0.0)
    return State(status, reason, int(images), float(seconds), speed, rows or record.get("final") or {}, touched)


def _latest(folder: RunFolder) -> dict[str, float]:
    """Return the newest value of each column of the table of a run."""
    latest: dict[str, Any] = {}
    try:
        text = folder.metrics_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    for row in csv.DictReader(text[: text.rfind("\n") + 1].splitlines()):
        latest |= {name: value for name, value in row.items() if name and value}
    return {name: float(value) for name, value in latest.items()}
