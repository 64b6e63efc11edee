"""From a command line to composed configs: the names in it are checked, one override at a time, against the YAML.

Hydra stops at the first override it refuses. Here each is read by itself; one that cannot be used is reported and left
out, and the config that the others make is checked as a whole. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from gan_experiments.config.check import check_values
from gan_experiments.config.component_hints import given_otherwise, unknown_target
from gan_experiments.config.files import COMPOSE_FAILURES, Composition, ConfigFiles, conf_dir, own_choices, own_files
from gan_experiments.config.grid import add_sweeps_of_files, combinations, grid_problems
from gan_experiments.config.overrides import (
    Change,
    Overrides,
    dataset_default_lines,
    parse_value,
    read_overrides,
    take_places_of_run,
)
from gan_experiments.config.places import outside_places
from gan_experiments.config.plugins import unknown_option
from gan_experiments.config.suggestions import options_with, unchosen, unknown_key
from gan_experiments.config.targets import TARGET, untrustworthy
from gan_experiments.core.checks import Problem, refuse
from gan_experiments.core.text import first_few, first_line, key_of

_LISTED = 10  # options that a message names
_ADDED = ("augment", "penalty")  # groups whose options add an entry each


class CommandLine(Overrides):
    """The overrides of a command, and the configs that they make.

    Args:
        config_name: The root config.
        overrides: As given.
        config_dir: A folder of configs beside ours.
        multirun: Whether the values of a sweep are jobs.

    Attributes:
        files: The command's YAML files.
        trusted: The packages that the command line trusts; what a file says of that is not asked.
        hydra: Hydra's own node, of the last config that was composed.
        places: Where the dataset of an existing run reads its files now, by dotted key; not part of the config.
        repeated: Warnings about keys that are given twice.
        left_out: Warnings about what the experiment sets that the dataset has not, of the last config.
        unread: Warnings about files of the user's that ours of the same name hide, of the last config.

    Raises:
        ConfigError: There is no such config or folder.
    """

    def __init__(
        self,
        config_name: str,
        overrides: Sequence[str] = (),
        config_dir: str | Path | None = None,
        multirun: bool = False,
    ) -> None:
        self.files = own_files(config_name) if config_dir is None else ConfigFiles(config_name, config_dir)
        self.multirun = multirun
        lines = [*overrides, *dataset_default_lines(overrides, self.files)]
        super().__init__(**vars(read_overrides(lines, self.files, multirun)))
        last = {change.key: change.line for change in self.changes}
        others = [change for change in self.changes if change.line != last[change.key]]
        self.repeated = [f"{change.line} does not count: {last[change.key]} comes after it" for change in others]
        self.places = take_places_of_run(self)
        given = [change.values[0] for change in self.changes if change.key == "trusted" and change.values]
        trusted: Any = parse_value(given[-1]) if given else []
        self.trusted: list[Any] = trusted if isinstance(trusted, list) else [trusted]
        self.hydra: DictConfig = OmegaConf.create({})
        self.left_out: list[str] = []
        self.unread: tuple[str, ...] = ()
        self._unusable: set[str] = set()

    def config(self, chosen: Sequence[int] = ()) -> DictConfig | None:
        """Return the config of one value of each change, by index, 0 by default; ``None`` if not even the files do."""
        picked = list(zip(self.changes, chosen or [0] * len(self.changes), strict=True))
        groups = [change.with_value(index) for change, index in picked if change.group]
        groups += dataset_default_lines(groups, self.files)
        composed = self._compose([line for line in groups if line not in self._unusable])
        if composed is None:
            return None
        self.hydra, self.unread, config = composed.hydra, composed.unread, composed.copy()
        with flag_override(config, ["struct", "readonly"], False):
            self._leave_out(config)
            for change, index in picked:
                if not change.group:
                    self._set(config, change, index)
        OmegaConf.set_struct(config, True)
        return config

    @property
    def choices(self) -> dict[str, str]:
        """The option that is chosen of each of our groups, of the last config that was composed."""
        return own_choices(self.hydra.runtime.choices)

    @property
    def overrides(self) -> list[str]:
        """The overrides of the config, those of the files not among them."""
        return [change.line for change in self.changes if change.line]

    @property
    def sweeper(self) -> str:
        """The name of the class of Hydra's sweeper, of the last config that was composed."""
        return str(OmegaConf.select(self.hydra, f"sweeper.{TARGET}")).rpartition(".")[2]

    @property
    def is_grid(self) -> bool:
        """Whether the jobs of a sweep are all combinations of the values, as of Hydra's own sweeper."""
        return self.sweeper == "BasicSweeper"

    def _compose(self, groups: list[str]) -> Composition | None:
        """Compose the files; if Hydra refuses, find out which overrides it is about and go on without them."""
        own = [line for line in self.hydra_lines if line not in self._unusable]
        lines = groups + sorted(own, key=lambda line: "/" not in line.partition("=")[0])  # choices, then their keys
        try:
            return self.files.compose(lines)
        except COMPOSE_FAILURES:
            usable: list[str] = []
        for line in ["", *lines]:
            try:
                self.files.compose([*usable, line] if line else usable)
            except COMPOSE_FAILURES as error:
                key = key_of(line) or self.files.config_name
                reason = first_line(" ".join(str(error.__cause__ or error).split()) or type(error).__name__)
                unknown = unknown_option(key, self.files.compose(usable).hydra, conf_dir()) if line else ""
                self.problems.append(Problem(key, unknown or f"cannot be composed: {reason}"))
                if not line:
                    return None
                self._unusable.add(line)
            else:
                usable += [line] if line else []
        return self.files.compose(usable)

    def _leave_out(self, config: DictConfig) -> None:
        """Take out what an experiment says of options that have been replaced by others without such a thing.

        A recipe that mirrors its images goes with data that have no mirror image, and one that weights its penalty with
        another penalty. What no option has stays, and is refused, as is what the command line itself says.
        """
        self.left_out = []
        experiment, dataset = (self.choices.get(group, "None") for group in ("experiment", "dataset"))
        if experiment == "None":
            return
        own = self.files.compose([f"dataset={dataset}"]).config.dataset if dataset != "None" else config.dataset
        known = list(own or ())  # "in" hides what is missing
        orphans = [("dataset", str(name)) for name in config.dataset or () if name not in known]
        for group in _ADDED:
            entries = config[group].items() if isinstance(config.get(group), DictConfig) else ()
            orphans += [
                (group, str(name)) for name, entry in entries if OmegaConf.is_dict(entry) and TARGET not in entry
            ]
        deleted = [change.key for change in self.changes if change.deletes]
        for group, name in orphans:
            if f"{group}.{name}" not in deleted and options_with(group, name):
                value, chosen = config[group].pop(name), self.choices.get(group)
                why = f"{group}={chosen} has no {name}"
                self.left_out.append(f"{group}.{name}: {value} of experiment={experiment} is left out: {why}")

    def _set(self, config: DictConfig, change: Change, index: int) -> None:
        """Apply one value to ``config``.

        A key that the files do not have is refused unless ``+`` adds it, or it is a whole mapping beside others, as a
        ramp is, which the schema can tell.
        """
        parent, _, last = change.key.rpartition(".")
        above: Any = OmegaConf.select(config, parent) if parent else config
        present = isinstance(above, DictConfig) and last in above.keys()  # noqa: SIM118 - "in" hides what is missing
        if change.deletes and present:
            del above[last]
        elif text := self._refusal(config, change, index, above, present):
            self.problems.append(Problem(change.key, text))
        else:
            try:
                OmegaConf.update(config, change.key, parse_value(change.values[index]), merge=True, force_add=True)
            except (OmegaConfBaseException, ValueError, TypeError, AttributeError) as error:
                self.problems.append(Problem(change.key, f"cannot be set: {first_line(error)}"))

    def _refusal(self, config: DictConfig, change: Change, index: int, above: Any, present: bool) -> str:
        """Return why one value cannot be set, and what is probably meant; empty if it can.

        Arguments as for ``_set``, with the mapping ``above`` the key, and whether the key is ``present`` in it.
        """
        if change.deletes:
            return "no such key to delete"
        value = change.values[index]
        entry = _is_entry(above, value)
        if text := given_otherwise(change.key, value, above, self.files, self.trusted):
            return text
        if not (present or entry) and (text := unchosen(change, config, self.choices, self.changes, self.files)):
            return text
        if present or entry or change.line.startswith("+"):
            return ""
        parent, _, last = change.key.rpartition(".")
        if last == TARGET:
            return unknown_target(change.key, value, config, self.files, self.trusted)
        siblings = [str(key) for key in above] if isinstance(above, DictConfig) else []
        text = unknown_key(change.key, siblings, OmegaConf.to_container(config, resolve=False), self.files)
        if "did you mean" in text:
            return text
        if any(each.key == f"{parent}.{TARGET}" for each in self.changes):
            return f"{text}; +{change.key}=... passes it to the class that you name"
        if owners := options_with(parent, last) if parent else []:
            return f"{text}; those of {parent} that have it: {first_few(owners, _LISTED)}"
        if isinstance(above, DictConfig) and TARGET in above:
            return f"{text}; +{change.key}=... passes it to {str(above[TARGET]).rpartition('.')[2]}"
        return text


def _is_entry(above: Any, text: str) -> bool:
    """Tell whether a value is a mapping, to be put into one that is not the arguments of a component."""
    return isinstance(above, DictConfig) and TARGET not in above and text.startswith("{")


def compose(config_name: str, overrides: Sequence[str] = (), config_dir: str | Path | None = None) -> DictConfig:
    """Return the config that ``overrides`` make of a root config, its values not yet checked.

    Raises:
        ConfigError: Names every override that cannot be used.
    """
    line = CommandLine(config_name, overrides, config_dir)
    config = line.config()
    refuse(line.problems)
    assert config is not None  # or there would be a problem
    return config


def check_command_line(
    config_name: str,
    schema: type,
    overrides: Sequence[str] = (),
    config_dir: str | Path | None = None,
    multirun: bool = False,
) -> CommandLine:
    """Find everything that is wrong with the names and the root's own values of a command line, by its ``schema``.

    Of a grid every combination is checked; so is every value that another sweeper may draw. The other arguments are
    those of :class:`CommandLine`.
    """
    line = CommandLine(config_name, overrides, config_dir, multirun)
    if multirun:
        add_sweeps_of_files(line)
    line.problems += [Problem("trusted", reason) for reason in untrustworthy(line.trusted)]
    line.problems += grid_problems(line) if line.is_grid else []
    swept = any(change.sweep for change in line.changes)
    for config in combinations(line) if swept else [line.config()]:
        if config is None:
            break  # not even the files can be composed
        checked = check_values(config, schema)
        line.problems += checked.errors
        if config_dir is not None:
            # Who chooses an option of a group by its name has not seen the places in it.
            given = [change.key for change in line.changes if change.line and not change.group]
            line.problems += outside_places(checked.config, given)
    hidden = [f"{group.replace('/', '.')}." for group in line.unknown_groups]
    guessed = tuple(f"{each.key}." for each in line.problems if each.text.startswith("no option"))
    line.problems = [
        each
        for each in dict.fromkeys(line.problems)
        if not each.key.startswith(tuple(hidden)) and not (each.missing and each.key.startswith(guessed))
    ]
    return line
