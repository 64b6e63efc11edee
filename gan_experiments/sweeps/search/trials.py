"""What a search has found, as a table and in words."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich.box
import rich.table
from rich.console import Console
from rich.markup import escape

from gan_experiments.core.files import write_text
from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.search.search import Search

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

TABLE = "trials.csv"
_MOST_ROWS = 5  # of each search in the terminal
_FRESH_SEEDS = 5
_WORDS = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "cut off", "WAITING": "to do"}


def write_trials(searches: Sequence[Search], folder: Path) -> Path:
    """Write every trial of every search, a row each, and return the file."""
    rows = [_row(search, trial) for search in searches for trial in search.trials]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / TABLE, text.getvalue())
    return folder / TABLE


def tell_trials(searches: Sequence[Search], folder: Path) -> None:
    """Print the best trials, what has become of the others, and how to confirm the best with fresh seeds."""
    console = Console(highlight=False)
    several = len(searches[0].config.objectives) > 1
    told = "trials that no other one beats in everything" if several else "best trials"
    table = rich.table.Table(
        title=f"Search: {told}", title_justify="left", title_style="bold", box=rich.box.SIMPLE_HEAD
    )
    for name in ("search", "trial"):
        table.add_column(name)
    for name in searches[0].config.objectives:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("with", overflow="fold")
    for search in searches:
        for trial in search.best if several else _ranked(search)[:_MOST_ROWS]:
            figures = [f"{value:,.4g}" for value in trial.values]
            drawn = " ".join(_drawn(search, trial))
            table.add_row(*map(escape, (search.name, str(trial.number), *figures, drawn)))
    if table.row_count:
        console.print(table)
    for search in searches:
        counts = Counter(map(state_of, search.trials))
        told = ", ".join(f"{count} {state}" for state, count in counts.items())
        console.print(f"{search.name}: {len(search.trials)} trials, {told}", markup=False, soft_wrap=True)
        for trial in search.trials:
            if state_of(trial) == "failed":
                where = f"{trial.user_attrs.get('folder')}: {trial.user_attrs.get('reason')}"
                console.print(f"  trial {trial.number} failed in {where}", markup=False, soft_wrap=True)
    console.print(f"\nall trials  {write_trials(searches, folder)}", markup=False, soft_wrap=True)
    for command in _confirmations(searches, folder):
        console.print(f"to confirm  {command}", markup=False, soft_wrap=True)


def state_of(trial: FrozenTrial) -> str:
    """Return what has become of a trial, in a word."""
    return "diverged" if trial.user_attrs.get("status") == "diverged" else _WORDS[trial.state.name]


def _ranked(search: Search) -> list[FrozenTrial]:
    ended = [trial for trial in search.trials if state_of(trial) == "finished"]
    return sorted(ended, key=lambda trial: trial.values[0], reverse=search.higher[0])


def _drawn(search: Search, trial: FrozenTrial) -> list[str]:
    overrides = trial.user_attrs.get("overrides", [])
    return [line.lstrip("+") for line in overrides if line.lstrip("+").partition("=")[0] in trial.params]


def _row(search: Search, trial: FrozenTrial) -> dict[str, Any]:
    values = dict(zip(search.config.objectives, trial.values or [], strict=False))
    drawn = dict(line.split("=", 1) for line in _drawn(search, trial))
    ended = trial.datetime_complete.isoformat(timespec="seconds") if trial.datetime_complete else ""
    row = {"search": search.name, "trial": trial.number, "state": state_of(trial), **values, **drawn}
    return row | {key: trial.user_attrs.get(key, "") for key in ("folder", "reason")} | {"ended": ended}


def _confirmations(searches: Sequence[Search], folder: Path) -> Iterator[str]:
    """Yield the command that trains the best trial of each search with seeds that it was not chosen by."""
    for search in searches:
        if search.best:
            run = RunFolder(folder / search.best[0].user_attrs["folder"])
            seed = int(run.read_config()["seed"]) + 1
            where = ["--config-dir", str(run.path), "--config-name", "config"]
            into = f"{folder}-confirmed/{re.sub(r'[^A-Za-z0-9.-]+', '_', search.name)}"
            told = [f"seed=range({seed},{seed + _FRESH_SEEDS})", "name=null", f"hydra.sweep.dir={into}"]
            yield shlex.join(["gan-train", "-m", *where, *told])
