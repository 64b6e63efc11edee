"""The jobs of a sweep before it starts: where each will be, and whether it can be there. Imports no torch."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override

from gan_experiments.config.compose import CommandLine
from gan_experiments.config.files import own_choices
from gan_experiments.config.grid import combinations
from gan_experiments.config.overrides import Change
from gan_experiments.core.text import show
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.config_differences import changed
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.naming import run_name
from gan_experiments.sweeps.job import is_settled
from gan_experiments.sweeps.sequential import is_sequential, most_runs

_HYDRAS_OWN = "multirun/"  # where Hydra puts a sweep that nobody has given a folder


@dataclass(frozen=True, eq=False)
class Job:
    """One job of a sweep.

    Attributes:
        name: What tells it apart.
        folder: Its run's.
        budget: Real images.
        before: The record that its folder held before the sweep.
        chosen: Which value of each change it has; empty in a search.
        overrides: Those values, as on a command line; empty in a search.
    """

    name: str
    folder: RunFolder
    budget: int
    before: dict[str, Any]
    chosen: tuple[int, ...] = ()
    overrides: tuple[str, ...] = ()


@dataclass
class Sweep:
    """The jobs of a grid, known beforehand.

    Attributes:
        folder: Hydra's sweep folder.
        known: The jobs, in their order.
        retry: Whether jobs that have failed or diverged are tried again.
    """

    folder: Path
    known: list[Job]
    retry: bool

    def jobs(self) -> list[Job]:
        """Return all jobs that there are so far."""
        return self.known

    def to_come(self) -> list[int]:
        """Return the budgets of the jobs that are not there yet."""
        return []


@dataclass
class Search(Sweep):
    """The jobs that a sweeper makes up as it goes, found in its folder.

    Attributes:
        swept: Keys that tell the jobs apart.
        size: Jobs that there will be.
        budget: Real images of a job.
    """

    swept: Collection[str]
    size: int
    budget: int

    def __post_init__(self) -> None:
        """Find the jobs of an earlier sweep."""
        self._look(is_new=False)

    def jobs(self) -> list[Job]:
        """Look for jobs that have begun since the last time, and return all."""
        self._look(is_new=True)
        return self.known

    def to_come(self) -> list[int]:
        """Return the budgets of the jobs that are not there yet."""
        return [self.budget] * (self.size - len(self.known))

    def _look(self, is_new: bool) -> None:
        known = {job.folder.path for job in self.known}
        for path in sorted(file.parent for file in self.folder.glob("*/record.json")):
            if path not in known:
                record = RunFolder(path).record()
                overrides = [line.lstrip("+") for line in record.get("overrides", [])]
                name = " ".join(line for line in overrides if line.partition("=")[0] in self.swept)
                self.known.append(Job(name or path.name, RunFolder(path), self.budget, {} if is_new else record))


def plan(line: CommandLine) -> Sweep:
    """Find the folder of every job of a sweep whose names have been checked.

    Raises:
        ConfigError: Jobs share a folder, or a folder holds the run of another config.
    """
    _choose_folder(line)
    jobs: list[Job] = []
    problems: defaultdict[str, list[str]] = defaultdict(list)
    for chosen, config in _combinations(line):
        folder = Path(_sweep_folder(line, config))
        if config.resume is not None or config.rerun:
            raise ConfigError("resume, rerun: not in a sweep, whose jobs go on by themselves")
        if not line.is_grid:
            swept = {change.key for change in line.changes if change.sweep}
            swept |= {"seed"} if is_sequential(line) else set()
            return Search(folder, [], config.retry == "failed", swept, _size(line), config.budget.images)
        overrides = [_override(change, index) for change, index in zip(line.changes, chosen, strict=True)]
        run = RunFolder(folder / (config.name or run_name(line.choices, overrides)))
        name = " ".join(text for text, change in zip(overrides, line.changes, strict=True) if change.sweep)
        before = run.record()
        jobs.append(Job(name or run.path.name, run, config.budget.images, before, chosen, tuple(overrides)))
        if run.config_file.exists():  # to resolve all values takes longer than the rest
            plain: Any = OmegaConf.to_container(config, resolve=True)
            plain["trusted"] = line.trusted
            differing = changed(run.read_config(), plain)
            for key, old, new in differing:
                problems[f"{key}: {show(old)} in {folder}, {show(new)} here"].append(run.path.name)
    _refuse(jobs, problems)
    return Sweep(folder, jobs, config.retry == "failed")


def pending(line: CommandLine, sweep: Sweep) -> Iterator[DictConfig]:
    """Yield the configs that jobs still to be run may have; one of those that differ in the seed only."""
    open_jobs = [job for job in sweep.jobs() if not is_settled(job.before, sweep.retry)]
    if not line.is_grid:
        yield from combinations(line) if open_jobs or sweep.to_come() else ()
        return
    seeds = [change.key == "seed" for change in line.changes]
    distinct = {
        tuple(0 if is_seed else index for is_seed, index in zip(seeds, job.chosen, strict=True)): job.chosen
        for job in reversed(open_jobs)
    }
    for chosen in reversed(distinct.values()):
        config = line.config(chosen)
        assert config is not None
        yield config


def folder_of(name: str | None, hydra: Any) -> Path:
    """Return where the run of a job will be, from what its config has at ``name`` and Hydra's own node."""
    return Path(hydra.sweep.dir, name or run_name(own_choices(hydra.runtime.choices), list(hydra.overrides.task)))


def _size(line: CommandLine) -> int:
    """Return how many jobs a sweeper makes up at most, if it says so."""
    if is_sequential(line):
        return most_runs(line)
    sweeper = line.hydra.sweeper
    arms = [len(change.values) for change in line.changes if change.key in sweeper.get("per", ())]
    return int(sweeper.get("n_trials", 0)) * math.prod(arms)


def _choose_folder(line: CommandLine) -> None:
    """Put a sweep that nobody has given a folder into one named by its study or the date."""
    given = OmegaConf.to_container(line.hydra.sweep, resolve=False)
    if isinstance(given, dict) and str(given["dir"]).startswith(_HYDRAS_OWN):
        study = line.choices.get("study", "None")
        folder = study if study != "None" else date.today().isoformat()  # the same past midnight
        line.hydra_lines.append(f"hydra.sweep.dir=${{output_dir}}/{folder}")


def _combinations(line: CommandLine) -> Iterator[tuple[tuple[int, ...], DictConfig]]:
    """Yield which values each job of a grid has, and its config; of a search, of the first that is possible."""
    sizes = [len(change.values) or 1 for change in line.changes]
    for chosen in product(*map(range, sizes)) if line.is_grid else [(0,) * len(sizes)]:
        config = line.config(chosen)
        assert config is not None
        yield chosen, config


def _override(change: Change, index: int) -> str:
    """Return an override as Hydra hands it to the job: it names the folder."""
    if change.deletes:
        return change.line if "=" in change.line else f"{change.line}=null"
    return f"{change.key}={change.values[index]}"


def _sweep_folder(line: CommandLine, config: DictConfig) -> str:
    """Resolve Hydra's sweep folder with the values of a job."""
    sweep: Any = OmegaConf.to_container(line.hydra.sweep)
    hydra: Any = {"sweep": {"dir": sweep["dir"]}}
    if "{hydra." in str(sweep["dir"]):  # else to copy what it may refer to would take half the time of a job
        hydra = OmegaConf.masked_copy(line.hydra, ["sweep", "runtime"])
    with flag_override(config, ["struct", "readonly"], False):
        config["hydra"] = hydra
        folder = str(config.hydra.sweep.dir)
        del config["hydra"]
    return folder


def _refuse(jobs: Sequence[Job], problems: Mapping[str, Sequence[str]]) -> None:
    folders = Counter(job.folder.path for job in jobs)
    lines = [
        f"{path}: the folder of {count} jobs; leave name out, and give each value once"
        for path, count in folders.items()
        if count > 1
    ]
    lines += [f"{line} ({_counted(names)})" for line, names in problems.items()]
    if problems:
        lines.append("a run keeps its config: hydra.sweep.dir=... begins another sweep")
    if lines:
        raise ConfigError(lines)


def _counted(names: Sequence[str]) -> str:
    """Return how many jobs have a problem, or which one has it alone."""
    return f"{len(names)} jobs" if len(names) > 1 else f"1 job: {names[0]}"
