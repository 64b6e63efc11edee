"""The jobs of a sweep before it starts: where each will be, and whether it can be there. Imports no torch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override

from gan_experiments.config.compose import CommandLine
from gan_experiments.config.overrides import Change
from gan_experiments.core.text import show
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.config_differences import changed
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.naming import own_choices, run_name


@dataclass(frozen=True, eq=False)
class Job:
    """One job of a sweep.

    Attributes:
        name: What tells it apart.
        folder: Its run's.
        budget: Real images.
        before: The record that its folder held before the sweep.
    """

    name: str
    folder: RunFolder
    budget: int
    before: dict[str, Any]


class Sweep:
    """The jobs of a grid, known beforehand.

    Args:
        folder: Hydra's sweep folder.
        jobs: In their order.
        retry: Whether jobs that have failed or diverged are tried again.
    """

    def __init__(self, folder: Path, jobs: Sequence[Job], retry: bool) -> None:
        self.folder = folder
        self.retry = retry
        self._jobs = list(jobs)

    def jobs(self) -> list[Job]:
        """Return all jobs that there are so far."""
        return self._jobs

    def to_come(self) -> list[int]:
        """Return the budgets of the jobs that are not there yet."""
        return []


class Search(Sweep):
    """The jobs that a sweeper makes up as it goes, found in its folder.

    Args:
        folder: Hydra's sweep folder.
        swept: Keys that tell the jobs apart.
        size: Jobs that there will be.
        budget: Real images of a job.
        retry: Whether jobs that have failed or diverged are tried again.
    """

    def __init__(self, folder: Path, swept: Collection[str], size: int, budget: int, retry: bool) -> None:
        super().__init__(folder, [], retry)
        self._swept = swept
        self._size = size
        self._budget = budget
        self._jobs = [self._job(run, run.record()) for run in self._new()]

    def jobs(self) -> list[Job]:
        """Look for jobs that have begun since the last time, and return all."""
        self._jobs += [self._job(run, {}) for run in self._new()]
        return self._jobs

    def to_come(self) -> list[int]:
        """Return the budgets of the jobs that are not there yet."""
        return [self._budget] * (self._size - len(self._jobs))

    def _new(self) -> list[RunFolder]:
        known = {job.folder.path for job in self._jobs}
        found = (file.parent for file in sorted(self.folder.glob("*/record.json")))
        return [RunFolder(path) for path in found if path not in known]

    def _job(self, run: RunFolder, before: dict[str, Any]) -> Job:
        told = [line.lstrip("+") for line in run.record().get("overrides", [])]
        name = " ".join(line for line in told if line.partition("=")[0] in self._swept)
        return Job(name or run.path.name, run, self._budget, before)


def plan(line: CommandLine) -> Sweep:
    """Find the folder of every job of a sweep whose command line has been checked.

    Raises:
        ConfigError: Jobs share a folder, or a folder holds the run of another config.
    """
    jobs: list[Job] = []
    problems: Counter[str] = Counter()
    for config, choices, overrides in _combinations(line):
        folder = Path(_sweep_folder(line, config))
        plain: Any = OmegaConf.to_container(config, resolve=True)
        plain["trusted"] = line.trusted
        if plain["resume"] is not None or plain["rerun"]:
            raise ConfigError("resume, rerun: not in a sweep, whose jobs go on by themselves")
        if not line.is_grid:
            swept = {change.key for change in line.changes if change.sweep}
            return Search(folder, swept, _size(line), plain["budget"]["images"], plain["retry"] == "failed")
        run = RunFolder(folder / (plain["name"] or run_name(choices, overrides)))
        name = " ".join(text for text, change in zip(overrides, line.changes, strict=True) if change.sweep)
        jobs.append(Job(name or run.path.name, run, plain["budget"]["images"], run.record()))
        if run.config_file.exists():
            differing = changed(run.read_config(), plain)
            problems.update(f"{key}: {show(old)} in {folder}, {show(new)} here" for key, old, new in differing)
    _refuse(jobs, problems)
    return Sweep(folder, jobs, plain["retry"] == "failed")


def folder_of(config: DictConfig) -> Path:
    """Return where the run of a job will be, from its whole config, with Hydra's node in it."""
    hydra = config.hydra
    name = config.name or run_name(own_choices(hydra.runtime.choices), list(hydra.overrides.task))
    return Path(str(hydra.sweep.dir)) / name


def _size(line: CommandLine) -> int:
    """Return how many jobs a search makes up, if its sweeper says so."""
    sweeper = line.hydra.sweeper
    arms = [len(change.values) for change in line.changes if change.key in sweeper.get("per", ())]
    return int(sweeper.get("n_trials", 0)) * math.prod(arms)


def _combinations(line: CommandLine) -> Iterator[tuple[DictConfig, dict[str, str], list[str]]]:
    """Yield config, choices and overrides of each job of a grid; of a search, of the first that is possible."""
    sizes = [len(change.values) or 1 for change in line.changes]
    for chosen in product(*map(range, sizes)) if line.is_grid else [[0] * len(sizes)]:
        config = line.config(chosen)
        assert config is not None
        overrides = [_override(change, index) for change, index in zip(line.changes, chosen, strict=True)]
        yield config, line.choices, overrides


def _override(change: Change, index: int) -> str:
    return change.line if change.deletes else f"{change.key}={change.values[index]}"


def _sweep_folder(line: CommandLine, config: DictConfig) -> str:
    """Resolve Hydra's sweep folder with the values of a job."""
    hydra = OmegaConf.masked_copy(line.hydra, ["sweep", "runtime"])
    with flag_override(config, ["struct", "readonly"], False):
        config["hydra"] = hydra
        folder = str(config.hydra.sweep.dir)
        del config["hydra"]
    return folder


def _refuse(jobs: Sequence[Job], problems: Mapping[str, int]) -> None:
    folders = Counter(job.folder.path for job in jobs)
    lines = [f"{path}: the folder of {count} jobs; leave name out" for path, count in folders.items() if count > 1]
    lines += [f"{line} ({count} job{'s' if count > 1 else ''})" for line, count in problems.items()]
    if problems:
        lines.append("a run keeps its config: hydra.sweep.dir=... begins another sweep")
    if lines:
        raise ConfigError(lines)
