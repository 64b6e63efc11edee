"""Reads the run folders of a study, and nothing else. Imports no torch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from gan_experiments.core.dotted import flatten, value_of
from gan_experiments.core.text import first_few, suggest
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.config_differences import add_defaults
from gan_experiments.runs.find import is_run
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.longer import BUDGET
from gan_experiments.runs.metrics_table import Curve, read_metrics
from gan_experiments.runs.results import evaluation_names, evaluation_of
from gan_experiments.runs.state import STATUSES

OUTPUT = "comparison"  # the folder that a comparison writes, below the study's
_DEPTH = 2  # folders below the study that are searched
_MOST_REASONS = 10


@dataclass(frozen=True)
class CollectedRun:
    """The files of one run.

    Attributes:
        name: The folder, relative to the study's.
        folder: The run folder.
        config: Every value of the resolved config by its dotted key.
        record: Status, provenance and results.
        curves: The periodic evaluations of every measure, by its name.
    """

    name: str
    folder: RunFolder
    config: dict[str, Any]
    record: dict[str, Any]
    curves: dict[str, Curve]

    @property
    def status(self) -> str:
        """One of ``STATUSES``."""
        return str(self.record["status"])

    @property
    def ended(self) -> bool:
        """Whether it has a result: it finished, diverged or was stopped by its curve."""
        return self.status in ("finished", "diverged", "stopped")

    @property
    def finished_early(self) -> bool:
        """Whether it finished before its budget was spent."""
        return self.status == "finished" and bool(self.record.get("finished_early"))

    @property
    def seed(self) -> int:
        """Its seed."""
        return int(self.config["seed"])

    @property
    def budget(self) -> float:
        """Images of its budget; 0 if its config has none."""
        return finite(self.config.get(BUDGET)) or 0.0

    def recorded(self, key: str) -> float | None:
        """Return the finite number at a dotted key of the record; ``None`` if there is none."""
        return finite(value_of(self.record, key))


class Study(NamedTuple):
    """The runs of a study that can be read, and name and reason of each folder that cannot."""

    runs: list[CollectedRun]
    left_out: list[tuple[str, str]]


def collect(study: str | os.PathLike[str]) -> Study:
    """Read every run below the folder of a study, at most two folders deep.

    Raises:
        ConfigError: The folder does not exist, is itself a run, or no run below it can be read.
    """
    study = Path(study).expanduser()
    if not study.is_dir():
        raise ConfigError(f"study: {study} is not a folder")
    if is_run(study):
        above = study.parent if study.name not in ("", "..") else study.resolve().parent  # of "." and ".."
        raise ConfigError(f"study: {study} is one run; a study is the folder above several (try study={above})")
    return _collected(((folder.relative_to(study).as_posix(), folder) for folder in _folders(study, _DEPTH)), study)


def collect_runs(folders: Iterable[str | os.PathLike[str]]) -> Study:
    """Read the given run folders.

    Raises:
        ConfigError: None of them can be read.
    """
    paths = [Path(folder).expanduser() for folder in folders]
    names = [path.name for path in paths]
    unique = len(set(names)) == len(names)
    return _collected(((path.name if unique else path.as_posix(), path) for path in paths), "the given folders")


def with_evaluation(study: Study, evaluation: str) -> Study:
    """Return the runs with the values of an evaluation that was made afterwards in place of their own.

    Raises:
        ConfigError: A finished run does not have it.
    """
    finished = [run for run in study.runs if run.status == "finished"]
    lacking = [run.name for run in finished if not evaluation_of(run.record, evaluation)]
    known = {name for run in finished for name in evaluation_names(run.record)}
    if lacking:
        hint = suggest(evaluation, known, listed=True) if known and evaluation not in known else ""
        names = f"{len(lacking)} of {len(finished)} finished runs: {first_few(lacking, _MOST_REASONS)}"
        advice = f"make it with gan-evaluate run=<folder> name={evaluation}"
        raise ConfigError(f"evaluation: {evaluation!r} is missing in {names}{hint}; {advice}")
    return Study([_evaluated(run, evaluation) for run in study.runs], study.left_out)


def _evaluated(run: CollectedRun, evaluation: str) -> CollectedRun:
    others = {key: value for key, value in run.record.items() if key not in ("final", "best", "evaluation")}
    evaluated = evaluation_of(run.record, evaluation)
    own = {key: evaluated[key] for key in ("final", "evaluation") if key in evaluated}
    return replace(run, record=others | own, curves={})  # curves are measured in another way


def finite(value: Any) -> float | None:
    """Return ``value`` as a float if it is a finite number, ``None`` otherwise."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None


def _collected(folders: Iterable[tuple[str, Path]], where: object) -> Study:
    runs, left_out = [], []
    for name, path in folders:
        try:
            runs.append(read_run(RunFolder(path), name))
        except ConfigError as error:
            left_out.append((name, str(error).removeprefix(str(path)).lstrip("/: ")))
    if not runs:
        reasons = [f"  {name}: {reason}" for name, reason in left_out[:_MOST_REASONS]]
        raise ConfigError([f"study: no run can be read in {where}", *reasons])
    add_defaults([run.config for run in runs])
    return Study(runs, left_out)


def _folders(above: Path, depth: int) -> Iterator[Path]:
    """Yield run folders, and folders that neither are nor contain one."""
    for folder in sorted(above.iterdir()):
        if folder.name.startswith(".") or folder.name == OUTPUT or not folder.is_dir():
            continue
        below = list(_folders(folder, depth - 1)) if depth > 1 and not is_run(folder) else []
        if any(is_run(path) for path in below):
            yield from below
        else:
            yield folder


def read_run(folder: RunFolder, name: str) -> CollectedRun:
    """Read a run; ``name`` is what it is called.

    Raises:
        ConfigError: One of its files cannot be read, or it never began.
    """
    config = folder.read_config()
    record = folder.record()
    if not record:
        raise ConfigError(f"{folder.record_file}: {'cannot be read' if folder.record_file.exists() else 'missing'}")
    if record.get("status") not in STATUSES:
        status = record.get("status")
        reason = "has no status: the run never began" if status is None else f"unknown status {status!r}"
        raise ConfigError(f"{folder.record_file}: {reason}")
    seed = config.get("seed")
    if not isinstance(seed, int) or abs(seed) >= 2**64:  # one of thousands of digits could not even be printed
        raise ConfigError(f"{folder.config_file}: not the config of a run (it has no seed)")
    return CollectedRun(name, folder, flatten(config), record, read_metrics(folder).curves())
