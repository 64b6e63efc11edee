"""Runs a sweep through Hydra's sweepers and launchers: every job in a process of its own, whatever starts it."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, flag_override

from gan_experiments.config.compose import CommandLine
from gan_experiments.config.files import ConfigFiles, own_choices
from gan_experiments.config.grid import combinations
from gan_experiments.config.overrides import Change, dataset_default_lines
from gan_experiments.config.plugins import HELD, plugin_defaults, plugin_problems
from gan_experiments.config.targets import TARGET, find_class
from gan_experiments.core.checks import Problem
from gan_experiments.core.escape import printable
from gan_experiments.core.signals import handling
from gan_experiments.core.text import first_line, key_of, show, suggest
from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.directions import directions
from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.fork_server import close_server
from gan_experiments.sweeps.job import SAFE_PATH, is_settled, run_job
from gan_experiments.sweeps.options import sweeper_problems
from gan_experiments.sweeps.plan import Sweep, folder_of
from gan_experiments.sweeps.progress import SweepProgress
from gan_experiments.sweeps.search.options import SearchConfig
from gan_experiments.sweeps.sequential import SequentialConfig, is_sequential
from gan_experiments.sweeps.table import print_table

_ABSENT = object()  # stands for a key that a config does not have


class JobFailed(Exception):  # noqa: N818 - tells Hydra's launcher; the user has been told
    """A job of a sweep ended with the exit code ``code``; what went wrong has been printed."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _choices_of_run(hydra: Any) -> dict[str, str]:
    """Return the options chosen for the run whose config is the root config, as when the best of a search is confirmed.

    Without them an arm of a comparison would be called after its class. Where a list was given only the overrides say.
    """
    folders = [RunFolder(each.path) for each in hydra.runtime.config_sources if each.schema == "user"]
    named = f"{hydra.job.config_name}.yaml"
    record = next((run.record() for run in folders if run.config_file.name == named and run.config_file.exists()), {})
    chosen, overrides = record.get("choices"), record.get("overrides")
    lines = [str(line) for line in overrides if re.match(r"\w+=\[", str(line))] if isinstance(overrides, list) else []
    lists = dict(line.split("=", 1) for line in lines)
    replaced = {*map(key_of, hydra.overrides.task), "study"}
    choices = chosen if isinstance(chosen, dict) else {}
    return {key: str(option) for key, option in {**choices, **lists}.items() if key not in replaced}


class SweepJob:
    """What a launcher calls with the config of each job, in this process or another.

    Args:
        program: The command that trains one run in a process of its own.
        trusted: The packages that the command line trusts.
        report: Prints an error and returns its exit code.

    Attributes:
        codes: Exit codes of the jobs that this process has run.
    """

    def __init__(self, program: Sequence[str], trusted: list[str], report: Callable[[BaseException], int]) -> None:
        self.codes: list[int] = []
        self._program = program
        self._trusted = trusted
        self._report = report

    def __call__(self, config: DictConfig) -> None:
        """Bring the run of one job to its end.

        Raises:
            JobFailed: It has failed; a sweeper may count on its result no more than on that of the others.
        """
        hydra = HydraConfig.get()
        overrides = list(hydra.overrides.task)
        try:
            plain: Any = OmegaConf.to_container(config, resolve=True)
            plain["trusted"] = self._trusted
            folder = RunFolder(folder_of(plain["name"], hydra))
            choices = _choices_of_run(hydra) | own_choices(hydra.runtime.choices)
            run_job(folder, plain, {"overrides": overrides, "choices": choices}, self._program)
        except Exception as error:
            if isinstance(error, OSError):  # somebody has deleted the folder, or made it read-only
                reason = f"{error.filename}: {error.strerror}" if error.filename else first_line(error)
                with suppress(OSError):
                    folder.update_record(status="failed", reason=reason)
                error = ConfigError(f"{folder.path}: {reason}")
            print(f"job {printable(' '.join(overrides))}:", file=sys.stderr)
            self.codes.append(self._report(error))
            raise JobFailed(self.codes[-1]) from error
        self.codes.append(0)


class _NoCallbacks:
    """Stands where a launcher looks for Hydra's callbacks; configs cannot name any here."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return _ignore


class _Jobs:
    """Launches those jobs that are not settled, each with the defaults of its own dataset.

    To compose the config of one that is settled costs more than to skip it.
    """

    def __init__(self, launcher: Launcher, jobs: Sweep, files: ConfigFiles) -> None:
        self._launcher = launcher
        self._files = files
        self._settled = {_values(job.overrides) for job in jobs.jobs() if is_settled(job.before, jobs.retry)}

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Launch a batch of the sweeper's."""
        pending = [overrides for overrides in job_overrides if _values(overrides) not in self._settled]
        full = [[*overrides, *dataset_default_lines(overrides, self._files)] for overrides in pending]
        return self._launcher.launch(full, initial_job_idx) if full else []


def _values(overrides: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Return what tells a job apart: Hydra may have the same overrides in another order."""
    split = (override.lstrip("+").partition("=") for override in overrides)
    return frozenset((key, value) for key, _, value in split)


def tidy_overrides(overrides: Sequence[str]) -> list[str]:
    """Return what keeps Hydra from leaving files beside the runs, and what suits its plugins, unless it is given."""
    own = HELD | plugin_defaults(overrides)
    return [f"{key}={value}" for key, value in own.items() if not any(line.startswith(f"{key}=") for line in overrides)]


def sweep_problems(line: CommandLine) -> list[Problem]:
    """Return what is wrong with the launcher, the sweeper and their options."""
    problems = list(plugin_problems(line.hydra))
    is_plain = line.is_grid and line.hydra.runtime.choices.get("hydra/launcher") == "basic"
    if is_plain and not any(change.sweep for change in line.changes):
        text = "nothing varies, so there is one run; give a key or a group several values, such as seed=0,1,2"
        problems.append(Problem("-m", text))
    if schema := SearchConfig if _is_search(line) else SequentialConfig if is_sequential(line) else None:
        problems += sweeper_problems(schema, line.hydra.sweeper, line.overrides, line.files.loader)
    return problems


def run_sweep(line: CommandLine, jobs: Sweep, job: SweepJob) -> int:
    """Run a sweep whose jobs have been checked, show its progress, and at its end how every job has ended.

    Returns:
        The highest exit code of its jobs.

    Raises:
        ConfigError: It is not known whether higher values of an objective of a search are better, or nothing computes
            what a sequential study compares.
    """
    if _is_search(line):
        line.hydra_lines += _direction_lines(line)
    if is_sequential(line):
        _refuse_unmeasured(line)
    path = os.environ.setdefault(SAFE_PATH, "")
    os.environ[SAFE_PATH] = "1"  # for the processes that a launcher starts
    try:
        with handling((signal.SIGTERM,), signal.default_int_handler), SweepProgress(jobs):
            _launch(line, jobs, job)
    finally:
        os.environ[SAFE_PATH] = path  # empty is unset
        close_server()
        failed = print_table(jobs)
    return max([failed, *job.codes])


def _is_search(line: CommandLine) -> bool:
    return line.sweeper == "OptunaSweeper"


def _direction_lines(line: CommandLine) -> list[str]:
    """Return overrides that set the direction of each objective of a search that a measure of the first job computes.

    Raises:
        ConfigError: It is not known whether higher values of an objective are better.
    """
    sweeper: Any = OmegaConf.to_container(line.hydra.sweeper)
    search, lines = SearchConfig.of(sweeper), []
    for _, measure in _measures(line.config() or {}, line.trusted):
        for name, higher in directions(measure).items():
            if name not in search.better:
                search.better[name] = "higher" if higher else "lower"
                lines.append(f"+hydra.sweeper.better.{name}={search.better[name]}")
    search.directions()
    return lines


def _refuse_unmeasured(line: CommandLine) -> None:
    """Refuse a sequential study of what no measure of some of its arms computes: its first round would be for nothing.

    Raises:
        ConfigError: Names what is computed.
    """
    wanted, problems = str(line.hydra.sweeper.measure), []
    configs = list(combinations(line))
    computed = [_values_of(config, line.trusted) for config in configs]
    lacking = [known for known in computed if wanted not in known and "" not in known]
    if lacking:
        runs = "the runs" if len(lacking) == len(configs) else "some of the runs"
        plain = wanted.partition("/")[0]
        hint = suggest(plain if plain in lacking[0] else wanted, lacking[0], listed=True)
        text = f"no measure of {runs} computes {show(wanted)}{hint}"
        problems.append(f"hydra.sweeper.measure: {text}")
    if None in [known.get(wanted, True) for known in computed] and line.hydra.sweeper.better == "known":
        text = f"its measure does not say whether higher {wanted} is better; set it to lower or higher"
        problems.append(f"hydra.sweeper.better: {text}")
    line.config()  # the state of the line is that of its last config
    if problems:
        raise ConfigError(problems)


def _measures(config: Any, trusted: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the classes of the measures of a job, each with the section that it is in."""
    for section in ("features", "measures"):
        for node in (OmegaConf.select(config, f"metrics.{section}") or {}).values():
            yield section, find_class(node[TARGET], trusted)


def _values_of(config: Any, trusted: list[str]) -> dict[str, bool | None]:
    """Return the values that a job computes, and whether higher is better, ``None`` if its measure does not say.

    Those in features of another extractor than the first end in its name. A measure that does not know its values
    beforehand has an empty name.
    """
    others = list(OmegaConf.select(config, "metrics.extractors") or {})[1:]
    found: dict[str, bool | None] = {}
    for section, measure in _measures(config, trusted):
        ends = ["", *(f"/{name}" for name in others)] if section == "features" else [""]
        for value in measure.values or [""]:
            found |= {f"{value}{end}" if value else "": directions(measure).get(value) for end in ends}
    return found


def _launch(line: CommandLine, jobs: Sweep, job: SweepJob) -> None:
    loader = line.files.loader
    config = _root(line)
    context = HydraContext(config_loader=loader, callbacks=_NoCallbacks())  # type: ignore[arg-type]
    sweeper: Any = Plugins.instance().instantiate_sweeper(hydra_context=context, task_function=job, config=config)
    if line.is_grid:
        sweeper.launcher = _Jobs(sweeper.launcher, jobs, line.files)
        sweeper.validate_batch_is_legal = _ignore  # composes what has been checked
    try:
        sweeper.sweep(arguments=list(config.hydra.overrides.task))
    except JobFailed as failure:
        job.codes.append(failure.code)


def _root(line: CommandLine) -> DictConfig:
    """Return the config that Hydra's sweeper begins with: without the values that vary, and with all overrides.

    A key that only the options of a sweep have, as those of ``model=cyclegan,cut``, is left to the jobs.
    """
    load = partial(line.files.loader.load_configuration, line.files.config_name, run_mode=RunMode.MULTIRUN)
    given = [change for change in line.changes if change.line]
    known = load(line.hydra_lines + [change.line for change in given if change.group and not change.sweep])
    absent = [
        change
        for change in given
        if not change.group and OmegaConf.select(known, change.key, default=_ABSENT) is _ABSENT
    ]
    config = load(line.hydra_lines + [change.line for change in given if change.sweep or change not in absent])
    with flag_override(config, ["struct", "readonly"], False):
        config.hydra.overrides.task = [
            f"++{change.line}" if change in absent and _is_entry(change) else change.line for change in given
        ]
    return config


def _is_entry(change: Change) -> bool:
    """Tell whether a change adds a mapping, as a ramp is: for Hydra that needs a plus, which nobody has to type."""
    return all(value.startswith("{") for value in change.values) and not change.line.startswith(("+", "~"))


def _ignore(*_: Any, **__: Any) -> None:
    """Do nothing."""
