"""From a command line to a composed config, with everything that is wrong with it.

Hydra stops at the first override it does not like. Here each is read by itself, what cannot be used is reported and
left out, and the config that the rest make is checked as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from gan_experiments.config.hydra_node import hydra_problems
from gan_experiments.config.loader import Composed, Loader, own_loader, visible
from gan_experiments.config.overrides import Change, Overrides, add_dataset_defaults, parse_value, read_overrides
from gan_experiments.config.plugins import plugin_problems
from gan_experiments.config.schema import check_config
from gan_experiments.config.targets import distrust
from gan_experiments.config.validation import Problem
from gan_experiments.core.types import ConfigError

MOST_JOBS = 5000  # of one sweep
_GRID = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"

# What Hydra raises, its parsers, and pathlib at a file that cannot be read.
_FAILURES = (HydraException, OmegaConfBaseException, YAMLError, ValueError, AssertionError, OSError, RecursionError)


@dataclass
class Examination:
    """What a command line comes to.

    Attributes:
        problems: What is wrong, each thing once.
        warnings: What is allowed but hardly meant, a line each.
        overrides: The overrides as Hydra takes them: ``+`` where a key is not in the files, and only there.
        trusted: The packages that the command line trusts.
        composer: What composes the config of one choice of values or another.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    trusted: list[str] = field(default_factory=list)
    composer: Composer | None = None

    def add(self, line: str) -> None:
        """Add an override that is about Hydra itself."""
        self.overrides.append(line)
        if self.composer is not None:
            self.composer.own.append(line)


def compose(config_name: str, overrides: Sequence[str] = (), config_dir: str | Path | None = None) -> DictConfig:
    """Return the config that ``overrides`` make of a root config, not yet checked, without Hydra's own node.

    Args:
        config_name: ``train``, ``evaluate``, ``sample``, or a config of ``config_dir``.
        overrides: As on the command line.
        config_dir: A folder of configs beside ours.

    Raises:
        ConfigError: Names every override that cannot be used.
    """
    loader = own_loader(config_name) if config_dir is None else Loader(config_name, config_dir)
    read = read_overrides(list(overrides), loader, multirun=False)
    add_dataset_defaults(read, loader)
    config = Composer(loader, read).config([0] * len(read.changes))
    if read.problems or config is None:
        raise ConfigError([str(problem) for problem in read.problems])
    return config


def examine(
    config_name: str,
    schema: type,
    overrides: Sequence[str],
    config_dir: str | Path | None = None,
    multirun: bool = False,
    foreign: bool = False,
) -> Examination:
    """Find everything that is wrong with a command line, and how to tell it to Hydra.

    Of a grid every combination is checked, but for the seed's, which are looked at once; so is every value that another
    sweeper may draw.

    Args:
        config_name: The root config.
        schema: Its dataclass.
        overrides: As given.
        config_dir: A folder of configs beside ours.
        multirun: Whether the values of a sweep are jobs.
        foreign: Whether the root config is one of ``config_dir``: it may not configure Hydra then.

    Raises:
        ConfigError: There is no such config or folder.
    """
    loader = own_loader(config_name) if config_dir is None else Loader(config_name, config_dir)
    read = read_overrides(list(overrides), loader, multirun)
    composer = Composer(loader, read)
    if multirun:
        composer.add_sweeps_of_files()
    add_dataset_defaults(read, loader)
    found = Examination(trusted=_trusted(read.changes), composer=composer)
    problems = read.problems
    problems += [Problem("trusted", reason) for reason in distrust(found.trusted)]
    problems += _grid_problems(read.changes) if composer.grid else []
    for chosen in _variants(read.changes, together=composer.grid):
        config = composer.config(chosen)
        if config is None or composer.base is None:
            break
        with visible(composer.base.whole):
            checked = check_config(config, schema, found.trusted)
        problems += [problem for problem in checked.problems if not read.hides(problem.key)]
        found.warnings += checked.warnings
    if multirun and composer.base is not None:
        problems += plugin_problems(
            composer.base.whole.hydra, [it.line for it in read.changes if it.line], loader.hydra
        )
    if config_dir is not None and composer.base is not None:
        problems += hydra_problems(composer.base.whole.hydra, loader.load_hydra(read.own), everything=foreign)
    found.problems = list(dict.fromkeys(problems))
    found.warnings = list(dict.fromkeys(found.warnings))
    found.overrides = read.own + [composer.for_hydra(change) for change in read.changes if change.line]
    return found


class Composer:
    """Composes the config of one choice of values after another; what goes wrong joins the problems of ``read``.

    Attributes:
        base: The last config as the files alone make it.
        changes: The overrides, with the sweeps of files first.
        own: Those that are about Hydra itself.
    """

    def __init__(self, loader: Loader, read: Overrides) -> None:
        self.base: Composed | None = None
        self.changes = read.changes
        self.own = read.own
        self._loader = loader
        self._read = read
        self._unusable: set[str] = set()
        self._absent: set[str] = set()  # keys that not every choice of groups has in its files

    def config(self, chosen: Sequence[int]) -> DictConfig | None:
        """Return the config of one value of each change, by index; ``None`` if not even the files make one."""
        picked = list(zip(self._read.changes, chosen, strict=True))
        groups = [self._group_line(change, index) for change, index in picked if change.group]
        self.base = self._files([line for line in groups if line not in self._unusable])
        if self.base is None:
            return None
        config = deepcopy(self.base.config)
        with flag_override(config, ["struct", "readonly"], False):
            for change, index in picked:
                if not change.group:
                    self._set(config, change, index)
        OmegaConf.set_struct(config, True)
        return config

    @property
    def grid(self) -> bool:
        """Whether the jobs of a sweep are all combinations of the values."""
        return self.base is not None and OmegaConf.select(self.base.whole, "hydra.sweeper._target_") == _GRID

    @property
    def sweep_dir(self) -> str:
        """Hydra's sweep folder, with its interpolations."""
        hydra: Any = OmegaConf.to_container(self.base.whole.hydra.sweep, resolve=False) if self.base else {}
        return str(hydra.get("dir", ""))

    def choice(self, group: str) -> str | None:
        """Return the option that is chosen of a group."""
        return OmegaConf.select(self.base.whole, "hydra.runtime.choices").get(group) if self.base else None

    def add_sweeps_of_files(self) -> None:
        """Add the sweeps that the config itself asks for (``hydra.sweeper.params``) to the changes."""
        changes = self._read.changes
        changes[:] = {change.key: change for change in changes}.values()  # the last one of a key counts, as for Hydra
        if self.config([0] * len(changes)) is None or self.base is None:
            return
        told = {change.key for change in changes}
        params = OmegaConf.select(self.base.whole, "hydra.sweeper.params") or {}
        lines = [f"{key}={value}" for key, value in params.items() if str(key).lstrip("+") not in told]
        swept = read_overrides(lines, self._loader, multirun=True)
        self._read.problems += swept.problems
        changes[:0] = [replace(change, line="") for change in swept.changes]

    def for_hydra(self, change: Change) -> str:
        """Return the override as Hydra takes it: plain for what the files have, with ``++`` for what they lack."""
        plain = change.line.lstrip("+")
        if change.deletes:
            return change.line
        if change.group:
            return plain if change.key in self._loader.groups else change.line
        return f"++{plain}" if change.key in self._absent else plain

    def _group_line(self, change: Change, index: int) -> str:
        if change.deletes:
            return change.line
        sign = "" if change.key in self._loader.groups else "+" * change.line.startswith("+")
        return f"{sign}{change.key}={change.values[min(index, len(change.values) - 1)]}"

    def _files(self, groups: list[str]) -> Composed | None:
        """Compose the files; if Hydra refuses, find out which overrides it is about and go on without them."""
        own = [line for line in self.own if line not in self._unusable]
        lines = groups + sorted(own, key=lambda line: "/" not in line.partition("=")[0])  # choices, then what they have
        try:
            return self._loader.load(lines)
        except _FAILURES:
            usable: list[str] = []
        for line in ["", *lines]:
            try:
                self._loader.load([*usable, line] if line else usable)
            except _FAILURES as error:
                key = line.lstrip("+~").partition("=")[0] or self._loader.config_name
                self._read.problems.append(Problem(key, self._reason(error)))
                if not line:
                    return None
                self._unusable.add(line)
            else:
                usable += [line] if line else []
        return self._loader.load(usable)

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, YAMLError):
            return f"cannot be read: {' '.join(str(error).split())}"
        lines = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        if "No match in the defaults list" in lines[0]:
            groups = ", ".join(sorted(group for group in self._loader.groups if group and "hydra" not in group))
            return f"{self._loader.config_name!r} has no such group in its defaults list ({groups or 'there are none'})"
        return f"cannot be composed: {' '.join(lines[: 2 if lines[0].endswith(':') else 1])}"

    def _set(self, config: DictConfig, change: Change, index: int) -> None:
        """Apply one value to ``config``, whether its key is known or not: that is for the check to say."""
        parent, _, last = change.key.rpartition(".")
        above: Any = OmegaConf.select(config, parent) if parent else config
        present = isinstance(above, DictConfig) and last in above
        if change.deletes:
            if present:
                del above[last]
            else:
                self._read.problems.append(Problem(change.key, "no such key to delete"))
            return
        if not present:
            self._absent.add(change.key)
        value = parse_value(change.values[index])
        try:
            OmegaConf.update(config, change.key, value, merge=True, force_add=True)
        except (OmegaConfBaseException, ValueError, TypeError, AttributeError) as error:
            self._read.problems.append(Problem(change.key, f"cannot be set: {str(error).splitlines()[0]}"))


def _grid_problems(changes: Sequence[Change]) -> Iterator[Problem]:
    for change in changes:
        if change.drawn:
            yield Problem(change.key, "an interval has no values to go through; hydra/sweeper=optuna draws from it")
    jobs = math.prod(len(change.values) for change in changes if change.values)
    if jobs > MOST_JOBS:
        yield Problem("", f"a sweep of {jobs:,} jobs: at most {MOST_JOBS:,}, in several sweeps more")


def _variants(changes: Sequence[Change], together: bool) -> Iterator[list[int]]:
    """Yield which value of each change to take: all combinations, if they go ``together``, then each other value alone.

    Seeds never go together with other values: what is wrong with one does not depend on them.
    """
    many = [place for place, change in enumerate(changes) if len(change.values) > 1]
    grid = [place for place in many if changes[place].key != "seed"] if together else []
    sizes = [len(changes[place].values) for place in grid]
    for picked in product(*map(range, sizes)) if math.prod(sizes) <= MOST_JOBS else [()]:
        yield _chosen(len(changes), dict(zip(grid, picked, strict=False)))
    for place in set(many) - set(grid):
        for index in range(1, len(changes[place].values)):
            yield _chosen(len(changes), {place: index})


def _chosen(length: int, others: dict[int, int]) -> list[int]:
    return [others.get(place, 0) for place in range(length)]


def _trusted(changes: Sequence[Change]) -> list[str]:
    """Return the packages that the command line trusts; what a file says of that is not asked."""
    told = [change.values[0] for change in changes if change.key == "trusted" and change.line and change.values]
    value: Any = parse_value(told[-1]) if told else []
    return value if isinstance(value, list) else [value]
