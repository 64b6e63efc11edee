"""What the project's own sweepers have in common: their options, ``hydra.sweeper``. Imports nothing heavy."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from gan_experiments.config.check import check_values
from gan_experiments.config.signatures import Section
from gan_experiments.config.targets import TARGET
from gan_experiments.core.checks import Problem

KEY = "hydra.sweeper"
Launch = Callable[[Sequence[Sequence[str]]], object]  # runs jobs, given the overrides of each, until all have ended
FolderOf = Callable[[Sequence[str]], Path]  # returns the run folder of a job's overrides
_Options = TypeVar("_Options", bound="SweeperOptions")


@dataclass
class SweeperOptions(Section):
    """Options of a sweeper that makes up its jobs as it goes.

    Attributes:
        params: What varies, in the syntax of sweeps on the command line, which overrides it.
    """

    params: dict[str, Any]

    @classmethod
    def of(cls: type[_Options], node: Mapping[str, Any]) -> _Options:
        """Return the options in the node ``hydra.sweeper``, which has been checked."""
        return cls(**{key: value for key, value in node.items() if key != TARGET})

    def lines(self, overrides: Sequence[str]) -> list[str]:
        """Return ``params`` and the overrides of the command line as overrides, in this order."""
        return [*(f"{key}={value}" for key, value in self.params.items()), *overrides]

    @abstractmethod
    def problems(self, overrides: Sequence[str], loader: ConfigLoader | None = None) -> Iterable[Problem]:
        """Return which options contradict each other or what varies; ``loader`` knows the options of groups."""


def sweeper_problems(
    schema: type[SweeperOptions], node: DictConfig, overrides: Sequence[str], loader: ConfigLoader | None = None
) -> Iterator[Problem]:
    """Yield what is wrong with the node ``hydra.sweeper`` and with what the overrides of a command line vary."""
    checked = check_values(node, schema)
    problems = [problem for problem in checked.errors if problem.key != TARGET]
    yield from (problem._replace(key=f"{KEY}.{problem.key}") for problem in problems)
    if not problems:
        yield from schema.of(checked.config).problems(overrides, loader)
