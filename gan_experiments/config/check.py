"""Validates a composed config against its schema, its components against their classes, and asks each for its rules.

``check_values`` needs no torch. ``check_config`` imports the classes that the config names, if the allow-list lets it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from gan_experiments.config.annotations import (
    bases_of,
    describe,
    item_of,
    model_of,
    names_in,
    section_in,
    slot_in,
    spelling_hint,
)
from gan_experiments.config.signatures import signature_of
from gan_experiments.config.slots import Component, Section
from gan_experiments.config.targets import TARGET, RefusedTargetError, find_class
from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.text import first_line, nearest, show, show_key

_Nested = tuple[tuple[Any, ...], str, Mapping[str, Any]]  # a component: where in its parent, its key, its node
_CHECK = ["key", "options", "config"]  # what a method of a component named ``check`` takes, if it is about its config


@dataclass
class Checked:
    """What a check has found out about a config.

    Attributes:
        config: Plain containers with interpolations resolved.
        problems: What is wrong, each thing once.
        components: The class of every component, by its dotted key.
    """

    config: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    components: dict[str, type] = field(default_factory=dict)

    @property
    def errors(self) -> list[Problem]:
        """Problems because of which the config cannot be run."""
        return [problem for problem in self.problems if not problem.warning]

    @property
    def warnings(self) -> list[str]:
        """What can be run, but is probably unintended, a line each."""
        return [str(problem) for problem in self.problems if problem.warning]


class _Refused:
    """Stands for a value that is a problem already."""

    def __repr__(self) -> str:
        return "???"


REFUSED = _Refused()


def check_values(config: DictConfig, schema: type[Section]) -> Checked:
    """Hold sections against ``schema``, and ask them for their rules; components are not looked into, nor imported."""
    return _check(config, schema, None)


def check_config(config: DictConfig, schema: type[Section], trusted: Sequence[str] = ()) -> Checked:
    """Hold a config against ``schema``, each component in it against its constructor, and ask each for its rules.

    Args:
        config: As composed, without Hydra's own node.
        schema: The dataclass of the command.
        trusted: Packages beside the allowed ones that may be named as ``_target_``: the command line says which,
            whatever the config says.
    """
    return _check(config, schema, trusted)


def _check(config: DictConfig, schema: type[Section], trusted: Sequence[str] | None) -> Checked:
    checked = Checked({})
    try:
        checked.config = _resolved(config, "", checked.problems)
        walk = _Walk(checked, trusted)
        walk.arguments(checked.config, schema, "")
        walk.rules(schema)
    except RecursionError:
        checked.problems = [Problem("", "the config is nested too deeply")]
    checked.problems = list(dict.fromkeys(checked.problems))
    return checked


def _resolved(node: Any, path: str, problems: list[Problem]) -> Any:
    """Return plain containers with every interpolation resolved, one by one, so that all that fail are found."""
    if not isinstance(node, (DictConfig, ListConfig)):
        return node
    keys: Any = list(node.keys()) if isinstance(node, DictConfig) else range(len(node))
    values = {}
    for key in keys:
        at = _join(path, key) if isinstance(node, DictConfig) else f"{path}[{key}]"
        values[key] = REFUSED
        try:
            if OmegaConf.is_missing(node, key):
                problems.append(Problem(at, "missing: it has no default", missing=True))
            else:
                values[key] = _resolved(node[key], at, problems)
        except (OmegaConfBaseException, ValueError) as error:
            problems.append(Problem(at, f"cannot be resolved: {first_line(error)}"))
    return values if isinstance(node, DictConfig) else list(values.values())


def unknown_key(key: str, siblings: Sequence[str], config: Any) -> str:
    """Return what is said of a key that does not exist: the nearest one beside it, or elsewhere in ``config``."""
    parent, _, name = key.rpartition(".")
    close = nearest(name, siblings)
    elsewhere = [other for other in _keys(config) if other.rpartition(".")[2] == name and other != key]
    matches = [close] if close else elsewhere[:3]
    hint = f"; did you mean {' or '.join(map(show, matches))}?" if matches else ""
    listed = [show_key(sibling) for sibling in siblings if sibling != TARGET]
    return f"no such key{hint}" + (f" ({', '.join(listed) or 'it takes none'})" if parent else "")


class _Walk:
    """Goes through a config and gathers problems; ``trusted`` is ``None`` where no class is to be imported."""

    def __init__(self, checked: Checked, trusted: Sequence[str] | None) -> None:
        self._checked = checked
        self._trusted = trusted

    def arguments(
        self,
        values: Mapping[Any, Any],
        cls: type,
        key: str,
        provided: frozenset[str] = frozenset(),
        limits: type | None = None,
    ) -> None:
        """Hold arguments against what the constructor of ``cls`` accepts, then every component among them.

        Args:
            values: The arguments.
            cls: A section of the schema, or the class of a component.
            key: Where they are in the config.
            provided: Arguments that the program hands over.
            limits: A dataclass whose annotations are stricter than the constructor's.
        """
        for name in sorted(provided & values.keys()):
            self._refuse(_join(key, name), "is given by the program; a config cannot set it")
        components: list[_Nested] = []
        given = {name: value for name, value in values.items() if name not in provided}
        given = self._without_components(given, (), key, components)
        signature = signature_of(cls, provided, limits)
        try:
            model_of(cls, provided, limits).model_validate(given)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False, include_input=False):
                self._word(detail["loc"], given, signature, key)
        for place, path, node in components if self._trusted is not None else ():
            self._component(node, reduce(item_of, place, signature), path)

    def rules(self, schema: type[Section]) -> None:
        """Ask the root, its sections and every component for what they know to be wrong."""
        refused = frozenset(problem.key for problem in self._checked.problems)
        view = ConfigView(self._checked.config, self._checked.components, refused)
        for key, cls in {**dict(_sections(self._checked.config, schema, "")), **self._checked.components}.items():
            options = view.get(key) if key else self._checked.config
            check = getattr(cls, "check", None)
            if callable(check) and isinstance(options, Mapping) and list(inspect.signature(check).parameters) == _CHECK:
                self._checked.problems += check(key, options, view)

    def _without_components(self, value: Any, place: tuple[Any, ...], key: str, components: list[_Nested]) -> Any:
        """Return a value with a Component in the place of each component in it, which are added to a list."""
        if isinstance(value, list):
            items = enumerate(value)
            return [self._without_components(v, (*place, i), f"{key}[{i}]", components) for i, v in items]
        if not isinstance(value, Mapping):
            return value
        if TARGET in value and place:
            components.append((place, key, value))
            return Component()
        kept = {}
        for name, item in value.items():
            path = _join(key, name)
            if isinstance(name, str) and re.fullmatch(r"_\w+_", name):
                self._refuse(path, f"is not used here: of such keys there is only {TARGET}")
            else:
                kept[name] = self._without_components(item, (*place, name), path, components)
        return kept

    def _word(self, location: Sequence[Any], value: Any, annotation: Any, key: str) -> None:
        """Put an error of pydantic into words: follow its location, as far as that leads into the value."""
        for part in location:
            names = names_in(annotation) if isinstance(value, Mapping) else None
            given = _has(value, part)
            if not given and part not in (names or ()):
                break  # the name of a branch of a union
            key = f"{key}[{part}]" if isinstance(value, list) else _join(key, part)
            if names is not None and part not in names:
                self._refuse(key, unknown_key(key, list(names), self._checked.config))
                return
            annotation = item_of(annotation, part)
            if not given:
                self._checked.problems.append(Problem(key, f"missing: {describe(annotation)}", missing=True))
                return
            value = value[part]
        if value is not REFUSED:
            shown = "a component" if isinstance(value, Component) else show(value)
            self._refuse(key, f"{shown} is not {describe(annotation)}{spelling_hint(value, annotation)}")

    def _component(self, node: Mapping[str, Any], annotation: Any, key: str) -> None:
        """Check a component, unless it is a problem already: its class, and its arguments against that."""
        if node[TARGET] is REFUSED or any(problem.key == key for problem in self._checked.problems):
            return
        arguments = {name: value for name, value in node.items() if name != TARGET}
        try:
            cls = find_class(node[TARGET], self._trusted or ())
            bases = bases_of(annotation)
            if bases and not any(_descends(cls, base) for base in bases):
                names = " or ".join(f"{base.__module__}.{base.__qualname__}" for base in bases)
                raise RefusedTargetError(f"{cls.__name__} does not descend from {names}")
        except RefusedTargetError as refusal:
            self._refuse(_join(key, TARGET), str(refusal))
            self.arguments(arguments, _Unknown, key)
            return
        self._checked.components[key] = cls
        slot = slot_in(annotation)
        provided = frozenset(name for each in (slot, *bases) for name in getattr(each, "provided", ()))
        self.arguments(arguments, cls, key, provided, slot.limits if slot else None)

    def _refuse(self, key: str, text: str) -> None:
        self._checked.problems.append(Problem(key, text))


class _Unknown:
    """Stands for a class that cannot be used, so that what is in its arguments is looked at all the same."""

    def __init__(self, **arguments: Any) -> None: ...


def _sections(value: Any, annotation: Any, key: str) -> Iterator[tuple[str, type[Section]]]:
    """Yield the sections of a config that a schema knows, by their keys."""
    section = section_in(annotation)
    if not isinstance(value, Mapping):
        return
    if section is not None:
        yield key, section
    for name, item in value.items():
        yield from _sections(item, item_of(annotation, name), _join(key, name))


def _has(value: Any, part: Any) -> bool:
    """Tell whether a mapping has a key, or a list an index."""
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value


def _descends(cls: type, base: type) -> bool:
    try:
        return issubclass(cls, base)
    except TypeError:  # a protocol that cannot be asked
        return True


def _keys(value: Any, path: str = "") -> Iterator[str]:
    for key, item in value.items() if isinstance(value, Mapping) else ():
        yield _join(path, key)
        yield from _keys(item, _join(path, key))


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
