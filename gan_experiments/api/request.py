"""A checked request: what a command line, or the overrides of a function of the API, ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from gan_experiments.api.run import load_run
from gan_experiments.config.check import check_config
from gan_experiments.config.compose import CommandLine
from gan_experiments.config.files import COMPOSE_FAILURES
from gan_experiments.config.plugins import USED
from gan_experiments.config.suggestions import NO_SUCH_KEY
from gan_experiments.config.targets import TARGET
from gan_experiments.core.checks import Problem, refuse
from gan_experiments.core.dotted import value_of
from gan_experiments.core.files import check_place, meant_path
from gan_experiments.core.text import suggest
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import OUTPUTS
from gan_experiments.runs.hub import is_hub
from gan_experiments.runs.initial import find_source

# Keys that name a file or a folder to write, by root config; of others it is ``output``.
_WRITTEN = {"train": ("output_dir",), "sample": ("file",), "export": ("output", "push")}
# What is at a key that names a file.
_KINDS = {"dataset.root": "folder", "dataset.path": "file or folder", "metrics.weights": "file"}


class Request(NamedTuple):
    """A checked request.

    Attributes:
        config: Plain and resolved; ``trusted`` in it comes from the overrides alone, never from a file.
        overrides: Of the config, as given.
        choices: The option chosen of each config group.
        places: Where the dataset of an existing run reads its files now, by dotted key.
        config_dir: The folder of configs beside ours, as given.
    """

    config: dict[str, Any]
    overrides: list[str]
    choices: dict[str, str]
    places: Mapping[str, Any] = MappingProxyType({})
    config_dir: str | Path | None = None


def checked_names(line: CommandLine) -> CommandLine:
    """Return a command line if all is right that could be checked without importing the classes that it names.

    Raises:
        ConfigError: Names everything that is wrong.
    """
    refuse(name_problems(line))
    return line


def name_problems(line: CommandLine, partial: bool = False) -> list[Problem | str]:
    """Return what is wrong with a command line as far as that shows without importing the classes that it names.

    Args:
        line: From ``check_command_line``.
        partial: Accept that required values are missing, and options of sweeps: the config is only to be shown.
    """
    errors = [problem for problem in line.problems if not problem.warning]  # ``checked_request`` passes warnings on
    problems: list[Problem | str] = [problem for problem in errors if not (problem.missing and partial)]
    if not line.multirun and not partial and line.hydra:
        of_sweeps = [text.lstrip("+~") for text in line.hydra_lines if text.lstrip("+~").startswith(USED)]
        listed = any(change.key == "study" and change.group for change in line.changes)  # no choice: study=[a,b]
        of_sweeps += ["study"] if listed or line.choices.get("study", "None") != "None" else []
        problems += [f"{text.partition('=')[0]}: belongs to a sweep, which needs -m" for text in of_sweeps]
    return problems


def file_problems(line: CommandLine, config: DictConfig | None = None) -> list[str]:
    """Return what is wrong with the files that a config names, before any class is imported.

    Looked for are runs, what weights and images are read from, and those that a dataset of ours cannot be without: its
    option has no default for them. What a class of the user's means by a path, only that class knows. What is to be
    written has to be possible where it is to be.

    Args:
        line: Of which the names may be wrong.
        config: The config that ``line`` has composed last; ``None``: the one that it has if it is no sweep.
    """
    config = line.config() if config is None else config
    plain: Any = {} if config is None else OmegaConf.to_container(config)
    problems = []
    written = _WRITTEN.get(line.files.config_name, ("output",))
    for key in ("run", "resume", "checkpoint", "init_from", "study", "fake", "input", *_KINDS, *written):
        path = value_of(plain, key)
        if isinstance(path, str) and path != "???" and "${" not in path and _is_needed(key, plain, line):
            try:
                _look_where(key, path) if key in written else _look_for(key, path)
            except ConfigError as error:
                problems += [f"{key}: {problem.removeprefix(f'{key}: ')}" for problem in error.problems]
    return problems


def _is_needed(key: str, config: dict[str, Any], line: CommandLine) -> bool:
    if key == "output_dir":  # in which a run that goes on, and a sweep that says so, do not lie
        return config.get("resume") is None and not line.multirun
    chosen, (group, _, name) = line.choices.get("dataset", "None"), key.partition(".")
    if group != "dataset":
        return True
    if chosen == "None" or not str(config[group].get(TARGET)).startswith("gan_experiments."):
        return False
    return OmegaConf.is_missing(line.files.compose([f"{group}={chosen}"]).config.dataset, name)


def _look_for(key: str, path: str) -> None:
    if key in ("run", "resume"):
        load_run(path)
    elif key == "init_from":
        _ = is_hub(path) or find_source(path)  # to ask the Hub takes longer
    elif key == "checkpoint" and path not in ("last", "best", "start") and not os.path.isfile(path):
        raise ConfigError(f"{path}: no such checkpoint{suggest(path, ('last', 'best'))}")
    elif key != "checkpoint" and not os.path.exists(os.path.expanduser(path)):
        meant = meant_path(Path(path).expanduser(), OUTPUTS if key == "study" else None)
        raise ConfigError(f"there is no {_KINDS.get(key, 'file or folder')} {path}{meant}")


def _look_where(key: str, path: str) -> None:
    """Check that something can be written to a path; of one that is there already, the command knows more."""
    file = Path(path).expanduser()
    if not is_hub(path) and not os.path.exists(file):
        check_place(file, key)


def checked_request(
    line: CommandLine,
    schema: type,
    warn: Callable[[str], object],
    config: DictConfig | dict[str, Any] | None = None,
) -> Request:
    """Check one config of a command line against the classes that it names, and return it resolved.

    Args:
        line: Its names have been checked.
        schema: The dataclass of the root config.
        warn: Called with each thing that can be run, but is probably unintended.
        config: A config of ``line``; ``None``: the one that it has if it is no sweep.

    Raises:
        ConfigError: Names everything that is wrong.
    """
    config = line.config() if config is None else config
    assert config is not None  # or its names would have been refused
    if "trusted" in config:
        config["trusted"] = line.trusted
    checked = check_config(config, schema, line.trusted)
    refuse(_with_origin(problem, line) for problem in checked.errors)
    own = checked.config.get("resume") is None  # else the run's config counts
    for warning in line.repeated + [*line.unread, *line.left_out, *checked.warnings] * own:
        warn(warning)
    return Request(checked.config, line.overrides, line.choices, line.places, line.files.config_dir)


def _with_origin(problem: Problem, line: CommandLine) -> Problem:
    """Return a problem, with what sets a key nobody has typed and that its component does not have.

    That is an option, in which another class has been named, or an experiment.
    """
    experiment = line.choices.get("experiment", "None")
    typed = {change.key for change in line.changes}
    if problem.key in typed or not problem.text.startswith(NO_SUCH_KEY):
        return problem
    if f"{problem.key.rpartition('.')[0]}.{TARGET}" in typed:
        return _left_out(problem, "the class that you name has none")
    if experiment == "None":
        return problem
    try:
        recipe = line.files.compose([f"experiment={experiment}"]).config
    except COMPOSE_FAILURES:  # several at once
        return problem
    if OmegaConf.select(recipe, problem.key) is None:
        return problem
    return _left_out(problem, f"experiment={experiment} sets it")


def _left_out(problem: Problem, reason: str) -> Problem:
    _, sign, listed = problem.text.rpartition(" (")
    text = f"{NO_SUCH_KEY}; {reason}, ~{problem.key} leaves it out"
    return problem._replace(text=text + sign + listed * bool(sign))
