"""Finds run folders on a disk: by their path, below a folder, or by a pattern. Imports no torch."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from gan_experiments.core.escape import printable
from gan_experiments.core.files import meant_path
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import OUTPUTS, RunFolder


def is_run(folder: Path) -> bool:
    """Return whether a folder has a file that only a run has."""
    return (folder / "config.yaml").is_file() or (folder / "record.json").is_file()


def find_runs(places: Iterable[str]) -> list[RunFolder]:
    """Return the run folders at several places, each once, those of a place by name.

    Args:
        places: Run folders, folders somewhere above run folders, or patterns of either, such as ``outputs/*/digits-*``.

    Raises:
        ConfigError: There is no run at one of them, of which all are named; or no place is given.
    """
    places = list(places)
    by_path: dict[str, RunFolder] = {}
    problems = [] if places else ["runs: empty; give run folders, folders above some, or patterns"]
    for place in map(os.path.expanduser, places):
        paths = [Path(place)] if Path(place).exists() else [Path(path) for path in sorted(glob.glob(place))]
        runs = [run for path in paths for run in _below(path)]
        by_path |= {os.path.realpath(run): RunFolder(run) for run in runs if os.path.realpath(run) not in by_path}
        if not runs:
            absent = f"there is no such folder{printable(meant_path(Path(place), OUTPUTS))}"
            where = "there is no run in it" if paths else absent
            problems.append(f"runs: {printable(place)}: {where}")
    if problems:
        raise ConfigError(problems)
    return list(by_path.values())


def _below(folder: Path) -> Iterator[Path]:
    """Yield the folder if it is a run's, else the runs somewhere below it; links to folders are not followed."""
    if is_run(folder):
        yield folder
        return
    for path, below, _ in os.walk(folder):
        runs = [name for name in sorted(below) if is_run(Path(path, name))]
        yield from (Path(path, name) for name in runs)
        below[:] = sorted(name for name in below if name not in runs and not name.startswith("."))
