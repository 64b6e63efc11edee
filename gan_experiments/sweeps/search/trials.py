"""Results of searches: the table of trials and the summary in the terminal."""

from __future__ import annotations

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

from gan_experiments.core.escape import printable
from gan_experiments.core.files import write_text
from gan_experiments.core.text import csv_of
from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.search.search import OptunaSearch

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

TABLE = "trials.csv"
_MOST_ROWS = 5  # trials of each search in the terminal
_NEW_SEEDS = 5
_WORDS = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "cut off", "WAITING": "waiting"}


def print_trials(searches: Sequence[OptunaSearch], folder: Path) -> None:
    """Print the best trials, how many ended in which state, and how to confirm the best; write a table of all."""
    console = Console(highlight=False)
    several = len(searches[0].config.objectives) > 1
    title = "Pareto-optimal trials" if several else "best trials"
    table = rich.table.Table(
        title=f"Search: {title}", title_justify="left", title_style="bold", box=rich.box.SIMPLE_HEAD
    )
    for name in ("search", "trial"):
        table.add_column(name)
    for name in searches[0].config.objectives:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("with", overflow="fold")
    for search in searches:
        for trial in search.best if several else _ranked(search)[:_MOST_ROWS]:
            values = [f"{value:,.4g}" for value in trial.values]
            drawn = " ".join(_drawn(trial))
            table.add_row(*(escape(printable(cell)) for cell in (search.name, str(trial.number), *values, drawn)))
    if table.row_count:
        console.print(table)
    for search in searches:
        counts = Counter(map(state_of, search.trials))
        states = ", ".join(f"{count} {state}" for state, count in counts.items())
        console.print(f"{printable(search.name)}: {len(search.trials)} trials, {states}", markup=False, soft_wrap=True)
        for trial in search.trials:
            if state_of(trial) == "failed":
                failure = f"{trial.user_attrs.get('folder')}: {trial.user_attrs.get('reason')}"
                console.print(f"  trial {trial.number} failed in {printable(failure)}", markup=False, soft_wrap=True)
    write_text(folder / TABLE, csv_of([_row(search, trial) for search in searches for trial in search.trials]))
    console.print(f"\nall trials  {folder / TABLE}", markup=False, soft_wrap=True)
    for command in _confirmations(searches, folder):
        console.print(f"to confirm  {command}", markup=False, soft_wrap=True)


def state_of(trial: FrozenTrial) -> str:
    """Return the state of a trial in one word."""
    return "diverged" if trial.user_attrs.get("status") == "diverged" else _WORDS[trial.state.name]


def _ranked(search: OptunaSearch) -> list[FrozenTrial]:
    ended = [trial for trial in search.trials if state_of(trial) == "finished"]
    return sorted(ended, key=lambda trial: trial.values[0], reverse=search.higher[0])


def _drawn(trial: FrozenTrial) -> list[str]:
    overrides = trial.user_attrs.get("overrides", [])
    return [line.lstrip("+") for line in overrides if line.lstrip("+").partition("=")[0] in trial.params]


def _row(search: OptunaSearch, trial: FrozenTrial) -> dict[str, Any]:
    values = dict(zip(search.config.objectives, trial.values or [], strict=False))
    drawn = dict(line.split("=", 1) for line in _drawn(trial))
    ended = trial.datetime_complete.isoformat(timespec="seconds") if trial.datetime_complete else ""
    row = {"search": search.name, "trial": trial.number, "state": state_of(trial), **values, **drawn}
    return row | {key: trial.user_attrs.get(key, "") for key in ("folder", "reason")} | {"ended": ended}


def _confirmations(searches: Sequence[OptunaSearch], folder: Path) -> Iterator[str]:
    """Yield the command that trains the best trial of each search with seeds other than the one it was chosen with."""
    for search in searches:
        if search.best:
            run = RunFolder(folder / search.best[0].user_attrs["folder"])
            seed = int(run.read_config()["seed"]) + 1
            config = ["--config-dir", str(run.path), "--config-name", "config"]
            into = f"{folder}-confirmed/{re.sub(r'[^A-Za-z0-9.-]+', '_', search.name)}"
            where = str(run.read_config()["output_dir"])
            config += [f"output_dir={where}"] if Path(where).is_absolute() else []
            settings = [f"seed=range({seed},{seed + _NEW_SEEDS})", "name=null", f"hydra.sweep.dir={into}"]
            yield shlex.join(["gan-train", "-m", *config, *settings])
