"""The overrides of a command line, one by one: what each changes, and what is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import OmegaConf

from gan_experiments.config.component_hints import meant_by_class
from gan_experiments.config.files import COMPOSE_FAILURES, ConfigFiles
from gan_experiments.config.places import DATA_PLACES
from gan_experiments.config.plugins import hydra_problem
from gan_experiments.config.suggestions import (
    how_to_read,
    meant_by_folder,
    option_aliases,
    options_called,
    torn_apart,
    unreadable,
)
from gan_experiments.config.targets import TARGET
from gan_experiments.core.checks import Problem
from gan_experiments.core.text import nearest, show, suggest

MOST_VALUES = 10_000  # of one sweep that are looked at; each job checks its own config once more
_DATASET_DEFAULTS = "dataset_defaults"  # the group
# Groups whose options are alternatives: of a list, Hydra would merge them, and the last would win.
_ONE_OPTION = {"conditioning", "dataset", _DATASET_DEFAULTS, "loss", "model", "optimizer", "output", "task", "trainer"}
_SIDES = "image_size"  # the number that two may stand for: height and width
# A path in the home folder, which no shell expands after "=", or a range of files in braces, or letters beyond ASCII.
_PATH = re.compile(r"([^=]+)=(~[^'\"]*|[^'\"]*\{\w+\.\.\w+\}[^'\"]*|[^'\"[{,]*[^\0-\x7f'\"][^'\"[{,]*)")
# What other programs call no option of a group, or a switch that is off.
_NOTHING = dict.fromkeys(("", "null", "false", "off", "no"), "none")


@dataclass(frozen=True)
class Change:
    """One override of the config.

    Attributes:
        line: As Hydra takes it, whether or not what a ``+`` adds is there already.
        key: The key, or the group.
        values: What it is set to, as text in Hydra's grammar: one value, or those of a sweep; empty for a deletion.
        group: Whether it chooses an option of a config group.
        sweep: Whether it stands for several jobs.
        drawn: Whether its values are the ends of an interval to draw from.
    """

    line: str
    key: str
    values: tuple[str, ...]
    group: bool
    sweep: bool
    drawn: bool = False

    @property
    def deletes(self) -> bool:
        """Whether it takes something away: ``~key``."""
        return self.line.startswith("~")

    def with_value(self, index: int) -> str:
        """Return the override with one of its values alone."""
        return self.line if self.deletes else f"{self.line.partition('=')[0] or self.key}={self.values[index]}"


@dataclass
class Overrides:
    """What a command line changes.

    Attributes:
        changes: Of the config.
        hydra_lines: Overrides of Hydra's own node.
        problems: What is wrong with single ones.
        unknown_groups: Groups with an option that does not exist and is like no other: what is below is not checked.
    """

    changes: list[Change] = field(default_factory=list)
    hydra_lines: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unknown_groups: set[str] = field(default_factory=set)


def read_overrides(lines: list[str], files: ConfigFiles, multirun: bool) -> Overrides:
    """Read overrides each by itself, so that one that is wrong hides no other.

    A group's option that does not exist is reported and, to look at the rest, taken for the nearest one that does.
    """
    read = Overrides()
    parser = OverridesParser.create(config_loader=files.loader)
    for before, line in pairwise(["", *map(_quoted, lines)]):
        try:
            (override,) = parser.parse_overrides([line])
            change = _change(override, line, files)
            if not change.key:
                raise HydraException("no key stands before it: there are no spaces around =")
        except HydraException as error:
            read.problems.append(Problem("", torn_apart(before, line) or unreadable(line, error, files)))
            continue
        if override.is_hydra_override():
            if problem := hydra_problem(change.key, change.values, multirun):
                read.problems.append(problem)
                continue
            known = not change.group or _existing_options(change, files, read) == change
            read.hydra_lines += [line] if known else []
            continue
        if change.sweep and not multirun:
            joined = ",".join(change.values)
            hint = f"; a list is written [{joined}]" if _can_be_list(change, files) else ""
            if re.fullmatch(r"\d{1,3}(,\d{3})+", joined):
                hint = f"; a number is written {joined.replace(',', '')}"
            of_each = "need -m, which makes a run of each" if "study" in files.groups else "where one is taken"
            text = f"{len(change.values)} values {of_each}{hint}"
            read.problems.append(Problem(change.key, text))
        if change.group and not change.deletes:
            change = _existing_options(change, files, read)
        if change.values or change.deletes:
            read.changes.append(change)
    return read


def _can_be_list(change: Change, files: ConfigFiles) -> bool:
    """Tell whether a list may have been meant: not of a group of alternatives, nor in the place of a single number."""
    default = OmegaConf.select(files.compose([]).config, change.key, default=None)
    number = isinstance(default, (int, float)) and not change.key.endswith(_SIDES)
    return change.key not in _ONE_OPTION and not number


def _quoted(line: str) -> str:
    """Return a line with quotes around a path that Hydra's grammar has not: the shell has taken them away."""
    path = _PATH.fullmatch(line)
    return f"{path[1]}='{os.path.expanduser(path[2])}'" if path else line


def dataset_default_lines(lines: Sequence[str], files: ConfigFiles) -> list[str]:
    """Return what a run adds to its overrides ``lines``: the defaults of its dataset, unless others are chosen.

    Everything that is named otherwise, by the command line or an experiment, goes before them. A sweep over several
    datasets has them job by job: Hydra has no way to say that two groups change together.
    """
    chosen = dict(line.lstrip("+").partition("=")[::2] for line in lines)
    dataset = chosen.get("dataset")
    if dataset is None or _DATASET_DEFAULTS in chosen or _DATASET_DEFAULTS not in files.groups:
        return []
    return [f"{_DATASET_DEFAULTS}={dataset}"] if files.has_option(_DATASET_DEFAULTS, dataset) else []


def take_places_of_run(read: Overrides) -> dict[str, Any]:
    """Take out what says where the dataset of an existing run lies: the config of the command has another dataset."""
    given = {change.key for change in read.changes}
    if not given & {"resume", "run"} or "dataset" in given:
        return {}
    moved = [change for change in read.changes if change.key in DATA_PLACES and len(change.values) == 1]
    read.changes = [change for change in read.changes if change not in moved]
    return {change.key: parse_value(change.values[0]) for change in moved}


@lru_cache(1024)
def _parsed(text: str) -> Override:
    return OverridesParser.create().parse_override(f"value={text}")


def parse_value(text: str) -> Any:
    """Return the value that a text in Hydra's grammar stands for."""
    return _parsed(text).value()  # a new one each time


def _change(override: Override, line: str, files: ConfigFiles) -> Change:
    key = override.get_key_element().lstrip("+~")
    value = override.value()
    known = override.key_or_group in files.groups or (line.startswith("+") and files.can_append(override.key_or_group))
    group = known and not isinstance(value, dict)
    if line.startswith("+"):
        sign = "++" if not group else "" if key in files.groups else "+"
        line = sign + line.lstrip("+")
    if override.is_delete():
        values: tuple[str, ...] = ()
    elif isinstance(value, IntervalSweep):
        values = (str(value.start), str(value.end))
    elif override.is_sweep_override():
        values = tuple(islice(override.sweep_string_iterator(), MOST_VALUES))
    else:
        values = (override.get_value_element_as_str(),)  # as Hydra has it in a job
    for value_text in values:
        if "\\" in value_text:
            parse_value(value_text)  # what Hydra escapes it cannot always read again
    return Change(line, key, values, group, override.is_sweep_override(), override.is_interval_sweep())


def _existing_options(change: Change, files: ConfigFiles, read: Overrides) -> Change:
    """Return the change with options that exist; those that do not become problems."""
    group = change.key.partition("@")[0]
    known = files.options(group)
    values = []
    for value in change.values:
        parsed = parse_value(value)
        named = parsed if isinstance(parsed, list) else [parsed]
        if isinstance(parsed, list) and any(isinstance(item, (dict, list)) for item in named):
            read.problems.append(Problem(change.key, _names_alone(change.key, named, files)))
            continue
        options = named if named and all(isinstance(option, str) for option in named) else [value]
        read.problems += _wrong_list(change.key, options, files)
        existing = []
        for option in dict.fromkeys(options):
            if files.has_option(group, option):
                existing.append(option)
                continue
            meant = (_NOTHING | option_aliases(group)).get(option.lower().replace("-", "_"), option)
            meant_for = how_to_read(option, files, group) or meant_by_class(option, group, files)
            meant_for = meant_for or (meant_by_folder(option, files) if group == "dataset" else [])
            others = [each for each in options_called(option, files) if not each.startswith(f"{group}=")]
            hint = f"; did you mean {meant_for[0]}?" if meant_for else suggest(meant, known, listed=True)
            hint += f"; of other groups: {', '.join(others)}" * bool(others and not meant_for)
            if group.startswith("hydra/") and Path(str(files.config_dir), group, f"{option}.yaml").is_file():
                hint = f"; files below {Path(str(files.config_dir), 'hydra')} are not read{hint}"
            read.problems.append(Problem(change.key, f"no option {show(option)}{hint}"))
            if guess := nearest(meant, known):
                existing.append(guess)
            else:
                read.unknown_groups.add(change.key)
        if group in _ONE_OPTION:
            del existing[1:]
        if existing:
            values.append(f"[{','.join(existing)}]" if value.startswith("[") else existing[0])
    return replace(change, values=tuple(values))


def _names_alone(key: str, items: list[Any], files: ConfigFiles) -> str:
    """Say how options and what is set in them are written, where a list has both."""
    pairs = {str(name): value for item in items if isinstance(item, dict) for name, value in item.items()}
    options = [option for option in [*map(str, items), *pairs] if files.has_option(key.partition("@")[0], option)]
    below = [
        f"{key}.{option}.{name}={show(value)}"
        for option in options
        if isinstance(pairs.get(option), dict)
        for name, value in pairs[option].items()
    ]
    example = f": {key}=[{','.join(options)}] {' '.join(below)}".rstrip() if options else ""
    return f"a list of options has their names alone; what is set in one is written beside it{example}"


def _wrong_list(key: str, options: list[str], files: ConfigFiles) -> list[Problem]:
    """Return what is wrong with choosing these options of a group together."""
    group, distinct = key.partition("@")[0], list(dict.fromkeys(options))
    if group in _ONE_OPTION and len(distinct) > 1:
        sweep = f"; for a sweep: -m {key}={','.join(distinct)}" if "study" in files.groups else ""
        return [Problem(key, f"takes one option{sweep}")]
    twice = [Problem(key, f"{show(option)} is given twice") for option in distinct if options.count(option) > 1]
    return twice + [Problem(key, text) for text in _clashes(key, distinct, files)]


def _clashes(key: str, options: list[str], files: ConfigFiles) -> Iterator[str]:
    """Yield what is wrong with options that define one component differently: the last would replace the others."""
    group, owners = key.partition("@")[0], dict[str, tuple[str, Any]]()
    for option in options if len(options) > 1 else ():
        if not files.has_option(group, option):
            continue
        try:
            whole: Any = OmegaConf.to_container(files.compose([f"{key}={option}"]).config)
        except COMPOSE_FAILURES:  # which are told of the config as a whole
            continue
        for name, node in _components(whole.get(group)):
            first, other = owners.setdefault(name, (option, node))
            if node != other:
                yield f"{first} and {option} both define {name}, differently; take one, or give one of them another key"


def _components(node: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the components of a mapping, and of the mappings in it, with their dotted keys."""
    for key, item in node.items() if isinstance(node, dict) and TARGET not in node else ():
        if isinstance(item, dict) and TARGET in item:
            yield f"{above}{key}", item
        else:
            yield from _components(item, f"{above}{key}.")
