"""A checked request: what a command line, or the overrides of a function of the API, ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from gan_experiments.config.check import check_config
from gan_experiments.config.compose import CommandLine, check_command_line
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder

_OF_SWEEPS = ("hydra/launcher=", "hydra/sweeper=", "hydra.launcher.", "hydra.sweeper.", "hydra.sweep.")


class Request(NamedTuple):
    """A checked request.

    Attributes:
        config: Plain and resolved; ``trusted`` in it comes from the overrides alone, never from a file.
        overrides: Of the config, as given.
        choices: The option chosen of each config group.
    """

    config: dict[str, Any]
    overrides: list[str]
    choices: dict[str, str]


def checked_names(
    config_name: str,
    schema: type,
    overrides: Sequence[str],
    config_dir: str | Path | None = None,
    multirun: bool = False,
    foreign: bool = False,
    partial: bool = False,
) -> CommandLine:
    """Check all that can be checked without importing the classes that a config names.

    Args:
        config_name: The root config.
        schema: Its dataclass.
        overrides: As on the command line.
        config_dir: A folder of configs beside ours.
        multirun: Whether several values of a key are the jobs of a sweep.
        foreign: Whether the root config is one of ``config_dir``.
        partial: Accept that required values are missing, and options of sweeps: the config is only to be shown.

    Raises:
        ConfigError: Names everything that is wrong.
    """
    line = check_command_line(config_name, schema, overrides, config_dir, multirun=multirun, foreign=foreign)
    errors = [problem for problem in line.problems if not problem.warning]  # ``checked_request`` passes warnings on
    problems = [str(problem) for problem in errors if not (problem.missing and partial)]
    if not multirun and not partial and line.hydra:
        of_sweeps = [text for text in overrides if text.startswith(_OF_SWEEPS)]
        of_sweeps += ["study"] if line.choices.get("study", "None") != "None" else []
        problems += [f"{text.partition('=')[0]}: belongs to a sweep, which needs -m" for text in of_sweeps]
    refuse(problems)
    return line


def checked_request(line: CommandLine, schema: type, config: DictConfig, warn: Callable[[str], object]) -> Request:
    """Check one config of a command line against the classes that it names, and return it resolved.

    Args:
        line: Its names have been checked.
        schema: The dataclass of the root config.
        config: A config of ``line``.
        warn: Called with each thing that can be run, but is probably unintended.

    Raises:
        ConfigError: Names everything that is wrong.
    """
    if "trusted" in config:
        config["trusted"] = line.trusted
    checked = check_config(config, schema, line.trusted)
    refuse([str(problem) for problem in checked.errors])
    for warning in checked.warnings:
        warn(warning)
    return Request(checked.config, [change.line for change in line.changes if change.line], line.choices)


def checked_run(folder: RunFolder, schema: type, trusted: Sequence[str] = ()) -> dict[str, Any]:
    """Return the config of a run, checked: the folder may come from a stranger.

    Raises:
        ConfigError: It is no run, or its config cannot be used.
    """
    config = folder.read_config()
    problems = check_config(OmegaConf.create(config), schema, trusted).errors
    refuse([f"{folder.config_file}: {problem}" for problem in problems])
    return config


def refuse(problems: Sequence[str]) -> None:
    """Raise a ``ConfigError`` of all problems, each once, if there are any."""
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
