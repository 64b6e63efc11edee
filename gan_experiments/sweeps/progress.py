"""Progress display of a sweep, read from the folders of its runs. Imports no torch."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from gan_experiments.core.clock import duration
from gan_experiments.core.escape import printable
from gan_experiments.sweeps.job import is_settled
from gan_experiments.sweeps.plan import Job, Sweep
from gan_experiments.sweeps.state import SKIPPED, JobState, state_of

_POLL_EVERY = 2.0  # seconds between two readings of the folders
_REPORT_EVERY = 60.0  # seconds between two reports if the output is not a terminal


class SweepProgress:
    """Context manager that shows a line for each running job, and a total with the remaining time.

    On a terminal the lines are updated in place; otherwise they are printed at the start and every minute, and one line
    per ended job.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._initial: dict[Job, int] = {}  # images that a job had seen when it was first read
        self._ended: dict[Job, JobState] = {}
        self._begun = time.monotonic()
        self._reported = self._begun - _REPORT_EVERY  # the first report comes at once

    def __enter__(self) -> None:
        """Start the display."""
        if self._console.is_terminal:
            self._live.start()
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop the display."""
        self._stopped.set()
        self._thread.join()
        self._live.stop()

    def _watch(self) -> None:
        stopped = False
        while not stopped:
            states = self._read()
            stopped = self._stopped.wait(_POLL_EVERY)
            if stopped:
                self._read()
            elif self._console.is_terminal:
                self._live.update(Text("\n".join(map(printable, self._lines(states)))), refresh=True)
            elif time.monotonic() - self._reported >= _REPORT_EVERY:
                self._reported = time.monotonic()
                self._print(self._lines(states))

    def _read(self) -> dict[Job, JobState]:
        """Return the state of every job; jobs that have ended since the last reading are reported."""
        states = {job: self._ended.get(job) or state_of(job, running=True) for job in self._sweep.jobs()}
        ended = [job for job, state in states.items() if job not in self._ended and self._has_ended(state)]
        self._ended |= {job: states[job] for job in ended}
        for job, state in states.items():
            self._initial.setdefault(job, state.images)
        if not self._console.is_terminal:
            changed = [(job, states[job]) for job in ended if states[job].touched]
            self._print([f"{state.status} {job.name}: {state.progress()}" for job, state in changed])
        return states

    def _has_ended(self, state: JobState) -> bool:
        return state.status == SKIPPED or is_settled({"status": state.status}, self._sweep.retry and not state.touched)

    def _lines(self, states: dict[Job, JobState]) -> list[str]:
        running = [f"{job.name}: {state.progress()}" for job, state in states.items() if state.status == "running"]
        elapsed = time.monotonic() - self._begun
        gained = sum(state.images - self._initial[job] for job, state in states.items())
        to_come = self._sweep.to_come()
        left = sum(max(0, job.budget - state.images) for job, state in states.items() if job not in self._ended)
        left += sum(to_come)
        total = [f"{len(self._ended)} of {len(states) + len(to_come)} jobs done", f"{duration(elapsed)} so far"]
        failed = sum(state.status == "failed" for state in self._ended.values())
        total[1:1] = [f"{failed} failed"] if failed else []
        total += [f"{duration(left * elapsed / gained)} left"] if gained > 0 else []
        return [" · ".join(total), *running]  # a small terminal cuts off the last lines

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            self._console.print(printable(line), markup=False, soft_wrap=True)
