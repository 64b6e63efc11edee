"""What a person sees while a sweep is under way, read from the folders of its runs; imports no torch."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from gan_experiments.core.clock import duration
from gan_experiments.sweeps.plan import Job, Sweep
from gan_experiments.sweeps.state import SKIPPED, State, state_of

_LOOK_EVERY = 2.0  # seconds between two looks
_TELL_EVERY = 60.0  # seconds between two reports where there is no terminal


class Progress:
    """Shows a line for each running job, and a total with the time left, while its block is under way.

    On a terminal the lines are renewed in place; elsewhere they come every minute, and one whenever a job has ended.

    Args:
        sweep: The jobs.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._first: dict[Job, int] = {}  # images that a job had seen when it was first looked at
        self._ended: dict[Job, State] = {}
        self._begun = self._reported = time.monotonic()

    def __enter__(self) -> None:
        """Begin."""
        if self._console.is_terminal:
            self._live.start()
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End."""
        self._over.set()
        self._thread.join()
        self._live.stop()

    def _watch(self) -> None:
        over = False
        while not over:
            states = self._look()
            over = self._over.wait(_LOOK_EVERY)
            if over:
                states = self._look()
            elif self._console.is_terminal:
                self._live.update(Text("\n".join(self._lines(states))), refresh=True)
            elif time.monotonic() - self._reported >= _TELL_EVERY:
                self._reported = time.monotonic()
                self._say(self._lines(states))

    def _look(self) -> dict[Job, State]:
        """Read the state of every job; one that has ended since the last time is told."""
        states = {job: self._ended.get(job) or state_of(job, running=True) for job in self._sweep.jobs()}
        ended = [job for job, state in states.items() if job not in self._ended and self._has_ended(state)]
        self._ended |= {job: states[job] for job in ended}
        for job, state in states.items():
            self._first.setdefault(job, state.images)
        if not self._console.is_terminal:
            told = [(job, states[job]) for job in ended if states[job].touched]
            self._say([f"{state.status} {job.name}: {_reached(job, state)}" for job, state in told])
        return states

    def _has_ended(self, state: State) -> bool:
        return state.status in ("finished", "pruned", SKIPPED) or (
            state.status in ("failed", "diverged") and (state.touched or not self._sweep.retry)
        )

    def _lines(self, states: dict[Job, State]) -> list[str]:
        running = [f"{job.name}: {_reached(job, state)}" for job, state in states.items() if state.status == "running"]
        elapsed = time.monotonic() - self._begun
        gained = sum(state.images - self._first[job] for job, state in states.items())
        to_come = self._sweep.to_come()
        left = sum(max(0, job.budget - state.images) for job, state in states.items() if job not in self._ended)
        left += sum(to_come)
        total = [f"{len(self._ended)} of {len(states) + len(to_come)} jobs done", f"{duration(elapsed)} so far"]
        failed = sum(state.status == "failed" for state in self._ended.values())
        total[1:1] = [f"{failed} failed"] if failed else []
        total += [f"{duration(left * elapsed / gained)} left"] if gained > 0 else []
        return [" · ".join(total), *running]  # a terminal that is too small cuts off the end

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            self._console.print(line, markup=False, soft_wrap=True)


def _reached(job: Job, state: State) -> str:
    parts = [f"{state.images:,}/{job.budget:,} images"]
    parts += [f"{name.upper()} {value:.2f}" for name, value in list(state.figures.items())[:1]]
    if state.status == "running" and state.speed:
        parts[1:1] = [f"{state.speed:,.0f}/s"]
        parts.append(f"{duration(max(0, job.budget - state.images) / state.speed)} left")
    if state.reason:
        parts.append(state.reason)
    return " · ".join(parts)
