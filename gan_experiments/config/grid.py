"""The values of a sweep: those that the files add, and which configs all of them make."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from gan_experiments.config.overrides import MOST_VALUES, Change, read_overrides
from gan_experiments.core.checks import Problem

if TYPE_CHECKING:
    from gan_experiments.config.compose import CommandLine

MAX_JOBS = 5000  # of one sweep, which are all composed before it starts
_FEW = 4  # values of each change that are looked at if there are more


def add_sweeps_of_files(line: CommandLine) -> None:
    """Add the sweeps that the config itself asks for (``hydra.sweeper.params``) to the changes."""
    line.changes = list({change.key: change for change in line.changes}.values())  # as for Hydra, the last counts
    if line.config() is None:
        return
    on_command_line = {change.key for change in line.changes}
    params = OmegaConf.select(line.hydra, "sweeper.params") or {}
    lines = [f"{key}={value}" for key, value in params.items() if str(key).lstrip("+") not in on_command_line]
    swept = read_overrides(lines, line.files, multirun=True)
    line.problems += swept.problems
    line.changes[:0] = [replace(change, line="") for change in swept.changes]


def combinations(line: CommandLine) -> Iterator[DictConfig]:
    """Yield the configs to check: of a grid each combination of values, of another sweep each value.

    No rule depends on the seed: of its values only those are looked at that may be none. Of a grid that is refused, as
    it has too many jobs, the first values of each change are.
    """
    too_many = line.is_grid and _jobs(line) > MAX_JOBS
    many = {index: range(len(change.values)) for index, change in enumerate(line.changes) if len(change.values) > 1}
    grid = [index for index in many if line.is_grid and not too_many and line.changes[index].key != "seed"]
    picked = [dict(zip(grid, indices, strict=True)) for indices in product(*(many[index] for index in grid))]
    most = _FEW if too_many else None
    alone = [(index, value) for index in many if index not in grid for value in many[index][1:most]]
    picked += [{index: value} for index, value in alone if not _is_seed(line.changes[index], value)]
    for indices in picked:
        config = line.config([indices.get(index, 0) for index in range(len(line.changes))])
        if config is None:
            return
        yield config


def grid_problems(line: CommandLine) -> Iterator[Problem]:
    """Yield what is wrong with a grid before its configs are looked at: intervals, and too many jobs."""
    for change in line.changes:
        if change.drawn:
            yield Problem(change.key, "an interval has no values to go through; hydra/sweeper=optuna draws from it")
    if _jobs(line) > MAX_JOBS:
        more = " or more" if any(len(change.values) == MOST_VALUES for change in line.changes) else ""
        yield Problem("", f"a sweep of {_jobs(line):,} jobs{more}; the limit is {MAX_JOBS:,}")


def _is_seed(change: Change, index: int) -> bool:
    """Tell whether a value is one of the seed, and a number that every config takes."""
    return change.key == "seed" and re.fullmatch("[0-9]{1,18}", change.values[index]) is not None


def _jobs(line: CommandLine) -> int:
    return math.prod(len(change.values) for change in line.changes if change.values)
