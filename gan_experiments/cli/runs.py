"""``gan-runs``: list, follow, compare, archive and delete run folders, wherever they are. Imports no torch."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from gan_experiments.api.request import Request
from gan_experiments.cli._command import command, no_collection, print_warning
from gan_experiments.config import command_schemas as schemas
from gan_experiments.core.checks import refuse
from gan_experiments.core.dotted import flatten
from gan_experiments.core.escape import printable
from gan_experiments.core.text import first_line, show, suggest
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.config_differences import differences
from gan_experiments.runs.find import find_runs
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.keeping import archive, check_archive, delete, why_kept
from gan_experiments.runs.results import higher_is_better
from gan_experiments.runs.state import RunState, read_state, size_and_time
from gan_experiments.runs.summary import number, shown, summary

_SORTED: Mapping[str, Callable[[Row], Any]] = {
    "changed": lambda row: row.changed,
    "name": lambda row: (row.folder.path.name, row.changed),
    "size": lambda row: row.size,
    "images": lambda row: row.state.images,
}
_LONGEST_NAME = 60  # characters of a run's name in a table on a terminal
_LONGEST_REASON = 90  # characters of why it has failed, there
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


class Row(NamedTuple):
    """A run of the list: its folder, state and record, its size in bytes, and when it was last changed."""

    folder: RunFolder
    state: RunState
    record: dict[str, Any]
    size: int
    changed: float


def main() -> None:
    """Run the command; a verb may come first, and folders may stand by themselves."""
    arguments = sys.argv[1:]
    verbs = [word for word in arguments[:1] if word in _VERBS]
    sys.argv[1:] = arguments[len(verbs) :]
    command("_".join(["runs", *verbs]), *_VERBS["".join(verbs)], words="runs")


@no_collection(last=True)
def list_runs(request: Request) -> int:
    """List the runs, each with its status and the reason for it, its progress, newest values, size and age."""
    rows = _selected(request.config)
    _print_table(_sorted(rows, request.config["sort"]))
    return 0


def follow(request: Request) -> int:
    """Print the progress of the runs that are being trained, until all have ended."""
    live = {run: -1 for run in _found(request.config) if read_state(run)[0].status == "running"}
    if not live:
        raise ConfigError("runs: none of these is running; gan-runs lists them")
    while True:
        for run, images in list(live.items()):
            state, _ = read_state(run)
            if state.images != images:
                live[run] = state.images
                print(printable(f"{run.path.name}: {state.progress(3)}"), flush=True)
            if state.status != "running":
                del live[run]
                print(summary(run) if state.status == "finished" else f"{shown(run.path)}: {state.status}", flush=True)
        if not live:
            return 0
        time.sleep(request.config["every"])


@no_collection(last=True)
def compare(request: Request) -> int:
    """Show runs side by side: the settings that differ, how far they are, and their newest values."""
    rows: list[Row] = []
    configs: list[dict[str, Any]] = []
    for row in _selected(request.config):
        try:
            configs.append(flatten(row.folder.read_config()))
            rows.append(row)
        except ConfigError as error:
            print_warning(f"{error}; it is not compared")
    if len(rows) < 2:
        raise ConfigError("runs: one run alone cannot be compared; give more of them")
    keys = dict.fromkeys(key for config in configs[1:] for key in differences(configs[0], config))
    lines = {key.removesuffix("._target_"): [_setting(key, config.get(key)) for config in configs] for key in keys}
    lines |= {"status": [row.state.status for row in rows], "images": [f"{row.state.images:,}" for row in rows]}
    for name in dict.fromkeys(name for row in rows for name in row.state.measures):
        lines[name] = [number(row.state.measures[name]) if name in row.state.measures else "" for row in rows]
    table = Table("", box=None, pad_edge=False)
    for name in _short([printable(row.folder.path.name) for row in rows]):
        table.add_column(name, overflow="fold")
    for key, cells in lines.items():
        table.add_row(*map(printable, [key, *cells]))
    _console().print(table)
    print("Of several seeds, gan-compare says which setting is better and how sure that is.")
    return 0


def archive_runs(request: Request) -> int:
    """Write each run as a zip archive."""
    rows, output = _selected(request.config), request.config["output"]
    _refuse_kept(rows)
    files: list[Path] = []
    problems: list[str] = []
    for row in rows:
        path = row.folder.path.resolve()
        folder = path.parent if output is None else Path(output).expanduser() / path.parent.name
        files.append(folder / f"{path.name}.zip")
        try:
            check_archive(row.folder, files[-1])
        except ConfigError as error:
            problems += error.problems
    refuse(problems)
    for row, file in zip(rows, files, strict=True):
        archive(row.folder, file)
        print(f"{shown(file)}: {_bytes(file.stat().st_size)} of {_bytes(row.size)}", flush=True)
    print("The folders are still there: gan-runs delete deletes them.")
    return 0


def delete_runs(request: Request) -> int:
    """Delete the runs, once somebody has said so who has seen which."""
    rows = _selected(request.config)
    _refuse_kept(rows)
    _print_table(rows)
    if not request.config["yes"]:
        if not sys.stdin.isatty():
            raise ConfigError("yes: nothing is deleted; yes=true deletes what is listed above")
        if input("Delete these folders with all that is in them? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing is deleted.")
            return 0
    for row in rows:
        delete(row.folder)
    print(f"Deleted {len(rows)} run{'s' if len(rows) > 1 else ''}, {_bytes(sum(row.size for row in rows))}.")
    return 0


_VERBS: dict[str, tuple[type, Callable[[Request], int]]] = {
    "": (schemas.RunsConfig, list_runs),
    "follow": (schemas.RunsFollowConfig, follow),
    "compare": (schemas.RunsCompareConfig, compare),
    "archive": (schemas.RunsArchiveConfig, archive_runs),
    "delete": (schemas.RunsDeleteConfig, delete_runs),
}


def _setting(key: str, value: Any) -> str:
    """Return a value as a config would write it; of a class its name."""
    return str(value).rpartition(".")[2] if key.endswith("._target_") and value is not None else show(value)


def _found(options: Mapping[str, Any]) -> list[RunFolder]:
    """Return the runs of the config by their places and names."""
    places = [options["runs"]] if isinstance(options["runs"], str) else options["runs"]
    patterns = {key: options[key] for key in ("name", "group") if options[key] is not None}
    runs = []
    for run in find_runs(places):
        path = run.path.absolute()
        names = {"name": path.name, "group": path.parent.name}
        if all(fnmatchcase(names[key], pattern) for key, pattern in patterns.items()):
            runs.append(run)
    if not runs:
        raise ConfigError([f"{key}: no run matches {pattern!r}" for key, pattern in patterns.items()])
    return runs


def _selected(options: Mapping[str, Any]) -> list[Row]:
    wanted = [options["status"]] if isinstance(options["status"], str) else options["status"]
    rows = [Row(run, *read_state(run), *size_and_time(run.path)) for run in _found(options)]
    kept = [row for row in rows if wanted is None or row.state.status in wanted]
    if not kept:
        statuses = ", ".join(sorted({row.state.status for row in rows}))
        raise ConfigError(f"status: none of {len(rows)} runs is {' or '.join(wanted)} ({statuses})")
    return kept


def _sorted(rows: Sequence[Row], by: str) -> list[Row]:
    """Return the rows in order; by a measure, the best comes first, and what has no number last."""
    if by in _SORTED:
        return sorted(rows, key=_SORTED[by])
    measured = [row for row in rows if by in row.state.measures]
    if not measured:
        known = {*_SORTED, *(name for row in rows for name in row.state.measures)}
        raise ConfigError(f"sort: no run has a value {by!r}{suggest(by, known, listed=True)}")
    sign = -1 if any(higher_is_better(row.record, by) for row in measured) else 1
    values = [sign * row.state.measures.get(by, math.nan) for row in rows]
    order = sorted(range(len(rows)), key=lambda index: (math.isnan(values[index]), values[index]))
    return [rows[index] for index in order]


def _refuse_kept(rows: Sequence[Row]) -> None:
    reasons = [(row, why_kept(row.folder)) for row in rows]
    problems = [f"runs: {shown(row.folder.path)} {reason}" for row, reason in reasons if reason is not None]
    refuse(problems)


def _print_table(rows: Sequence[Row]) -> None:
    table = Table("status", box=None, pad_edge=False)
    for name in ("images", "newest values", "size", "age"):
        table.add_column(name, justify="left" if "values" in name else "right")
    table.add_column("run")  # last: what is too long for a terminal goes on in its next line
    names = [printable(row.folder.path.name) for row in rows]
    for row, name, short in zip(rows, names, _short(names), strict=True):
        state = row.state
        path = shown(row.folder.path).removesuffix(name) + short
        share = f" {min(1, state.images / state.budget):.0%}" if state.budget else ""
        cells = [state.status, f"{state.images:,}{share}", state.values(), _bytes(row.size)]
        run = f"{printable(path)}\n  {_reason(state)}" if state.reason else printable(path)
        table.add_row(*map(printable, [*cells, _age(time.time() - row.changed)]), run)
    _console(wide=True).print(table, soft_wrap=True)
    counts = Counter(row.state.status for row in rows)
    total = f"{len(rows)} run{'s' if len(rows) > 1 else ''}, {_bytes(sum(row.size for row in rows))}"
    print(f"{total}: {', '.join(f'{count} {status}' for status, count in counts.most_common())}")


def _reason(state: RunState) -> str:
    """Return in a line why a run is in its state, shorter where a person reads it."""
    reason = first_line(state.reason)
    cut = len(reason) > _LONGEST_REASON and sys.stdout.isatty()
    return f"{reason[: _LONGEST_REASON - 1]}…" if cut else reason


def _short(names: Sequence[str]) -> list[str]:
    """Return long names without their middle, where a person reads them; their end, a hash, tells them apart.

    A file or another program gets them whole, and so do those that would no longer differ.
    """
    if not sys.stdout.isatty():
        return list(names)
    tail = _LONGEST_NAME // 3
    short = {
        name: f"{name[: _LONGEST_NAME - tail - 1]}…{name[-tail:]}" if len(name) > _LONGEST_NAME else name
        for name in names
    }
    counts = Counter(short.values())
    return [short[name] if counts[short[name]] == 1 else name for name in names]


def _console(wide: bool = False) -> Console:
    """Return a console that cuts nothing off where its output goes to a file or to another program, or if ``wide``."""
    return Console(highlight=False, markup=False, width=10_000 if wide or not sys.stdout.isatty() else None)


def _bytes(size: float) -> str:
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.0f} {units[0]}" if size >= 10 or units[0] == "B" else f"{size:.1f} {units[0]}"


def _age(seconds: float) -> str:
    unit, length = next((each for each in _UNITS if seconds >= each[1]), _UNITS[-1])
    return f"{max(0, seconds) / length:.0f} {unit}"


if __name__ == "__main__":
    main()
