"""Final table of a sweep: how every job that was started has ended. Imports no torch."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gan_experiments.core.clock import duration
from gan_experiments.core.escape import printable
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import shown
from gan_experiments.sweeps.plan import Job, Sweep
from gan_experiments.sweeps.state import SKIPPED, WAITING, JobState, state_of

_MOST_MEASURES = 4
_WIDTH = 160  # if the output is not a terminal
_STYLES = {"finished": "green", "failed": "bold red", "diverged": "yellow", SKIPPED: "dim"}


def print_table(sweep: Sweep) -> int:
    """Print how every job of a sweep that was started has ended, with reason and place if it failed or diverged.

    Returns:
        1 if any failed, else 0.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    ended = [(job, state_of(job, running=False)) for job in sweep.jobs()]
    begun = [(job, state) for job, state in ended if state.status != WAITING]  # the others are many, and only counted
    if begun:
        console.print(_table(begun))
    for job, state in ended:
        if state.status in ("failed", "diverged"):
            status = f"[{_STYLES[state.status]}]{state.status}[/]"
            console.print(f"{status} {escape(printable(job.name))}: {escape(printable(state.reason))}", soft_wrap=True)
            see = job.folder.path if state.status == "diverged" else _output(job.folder)
            console.print(f"  see {shown(see)}", markup=False, soft_wrap=True)
    counts = Counter(state.status for _, state in ended)
    console.print(f"{len(ended)} jobs: {', '.join(f'{count} {status}' for status, count in counts.items())}")
    if counts.keys() & {"interrupted", WAITING}:
        console.print("  started again, the sweep goes on with what is missing")
    if counts["failed"] and not sweep.retry:
        console.print("  with retry=failed it also tries again what has failed")
    if counts.keys() & {"finished", SKIPPED, "diverged"}:
        folder = shlex.quote(shown(sweep.folder))
        console.print(f"  gan-compare study={folder}", markup=False, soft_wrap=True)
        console.print(f"  tensorboard --logdir {folder}", markup=False, soft_wrap=True)
    return 1 if counts["failed"] else 0


def _table(ended: list[tuple[Job, JobState]]) -> Table:
    names = list(dict.fromkeys(name for _, state in ended for name in state.measures))[:_MOST_MEASURES]
    table = Table("job", "status", box=None, pad_edge=False, header_style="bold")
    for name in (*names, "images", "time"):
        table.add_column(name, justify="right", header_style="bold")
    for job, state in ended:
        values = [f"{state.measures[name]:.3f}" if name in state.measures else "" for name in names]
        status = f"[{_STYLES.get(state.status, 'default')}]{state.status}[/]"
        time = duration(state.seconds) if state.images else ""
        table.add_row(escape(printable(job.name)), status, *values, f"{state.images:,}" if state.images else "", time)
    return table


def _output(folder: RunFolder) -> Path:
    return folder.log_file if folder.log_file.exists() else folder.path
