"""State of a job, read from its run folder. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from gan_experiments.runs.state import UNKNOWN, RunState, read_state
from gan_experiments.sweeps.plan import Job

SKIPPED, ELSEWHERE, WAITING = "skipped", "running elsewhere", "not started"


@dataclass(frozen=True)
class JobState(RunState):
    """State of a job; its status may be ``SKIPPED``, ``ELSEWHERE`` or ``WAITING`` as well.

    Attributes:
        touched: Whether this sweep has changed its record.
    """

    touched: bool


def state_of(job: Job, running: bool) -> JobState:
    """Read the state of a job, while its sweep is ``running`` or after that."""
    state, record = read_state(job.folder)
    touched = record != job.before
    status, reason = state.status, state.reason
    if status == UNKNOWN:
        status = WAITING
    elif status == "running" and not running:
        status = ELSEWHERE
    elif status == "finished" and not touched:
        status = SKIPPED
    elif status in ("failed", "diverged") and not touched:
        reason += " (before; retry=failed tries it again)"
    return JobState(**{**vars(state), "status": status, "reason": reason, "budget": job.budget, "touched": touched})
