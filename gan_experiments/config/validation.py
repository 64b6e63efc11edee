"""Holds a config against annotations: the root's dataclass and, for each component, its own constructor."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_experiments.config.rules import AnyOf, Choice, Fields, ListOf, MapOf, Node, Rule, Scalar, rule_of
from gan_experiments.config.signatures import ClassSource, find_class
from gan_experiments.config.sources import NotFound
from gan_experiments.config.targets import TARGET, find_target
from gan_experiments.core.text import nearest, show, show_key


class Problem(NamedTuple):
    """One thing that is wrong: where, and what; ``missing`` if it is that a value has not been given."""

    key: str
    text: str
    missing: bool = False

    def __str__(self) -> str:
        return f"{show_key(self.key)}: {self.text}" if self.key else self.text


class Place(NamedTuple):
    """What belongs at one place of a config.

    Attributes:
        base: The class, by where it is defined, that a component here descends from; empty for any.
        given: Arguments that the program hands over; a config must not name them.
        limits: A dataclass whose annotations are stricter than those of the component's constructor.
    """

    base: str = ""
    given: tuple[str, ...] = ()
    limits: type | None = None


class _Broken:
    """Stands for a value that is a problem already."""


BROKEN = _Broken()
_UNKNOWN = "no such key"


@dataclass
class Validation:
    """What has been found out about one config.

    Attributes:
        plain: The config as plain containers, interpolations resolved; ``BROKEN`` for what could not be.
        problems: What is wrong.
        components: The class of every component, by its place, as far as it was found.
    """

    plain: dict[str, Any]
    problems: list[Problem]
    components: dict[str, ClassSource]

    def get(self, key: str) -> Any:
        """Return the value at a dotted key; ``None`` if it is absent or wrong."""
        prefixes = {problem.key for problem in self.problems}
        value: Any = self.plain
        for depth, part in enumerate(parts := key.split("."), start=1):
            value = value.get(part) if isinstance(value, Mapping) else None
            if ".".join(parts[:depth]) in prefixes:
                return None
        return value


def validate(config: DictConfig, schema: type, places: Mapping[str, Place], trusted: Sequence[str]) -> Validation:
    """Hold ``config`` against the dataclass ``schema`` and every component in it against its constructor.

    Args:
        config: As composed.
        schema: The dataclass of the root; read from its source.
        places: What belongs where, by dotted key; ``*`` stands for one part of it.
        trusted: Packages beside ours that may be named as ``_target_``.
    """
    problems: list[Problem] = []
    plain = _resolved(config, "", problems)
    walk = _Walk(places, trusted, problems)
    walk.fields(plain, source_of(schema), "")
    return Validation(plain, walk.worded(), walk.components)


def source_of(loaded: type) -> ClassSource:
    """Return the source of a class that is imported already."""
    return find_class(f"{loaded.__module__}.{loaded.__qualname__}")


def _resolved(node: DictConfig | ListConfig, path: str, problems: list[Problem]) -> Any:
    """Return plain containers with every interpolation resolved, one by one, so that all that fail are found."""
    named = isinstance(node, DictConfig)
    keys: Any = list(node.keys()) if isinstance(node, DictConfig) else range(len(node))
    values = []
    for key in keys:
        place = _join(path, key) if named else f"{path}[{key}]"
        if OmegaConf.is_missing(node, key):
            problems.append(Problem(place, "missing: it has no default", missing=True))
            values.append(BROKEN)
            continue
        try:
            value = node[key]
            values.append(_resolved(value, place, problems) if isinstance(value, (DictConfig, ListConfig)) else value)
        except (OmegaConfBaseException, RecursionError, ValueError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            problems.append(Problem(place, f"cannot be resolved: {reason[0]}"))
            values.append(BROKEN)
    return dict(zip(keys, values, strict=True)) if named else values


class _Walk:
    """Goes through a config and gathers its problems."""

    def __init__(self, places: Mapping[str, Place], trusted: Sequence[str], problems: list[Problem]) -> None:
        self.problems = problems
        self.components: dict[str, ClassSource] = {}
        self._places = places
        self._trusted = trusted
        self._known: dict[str, list[str]] = {}  # what can stand beside each other, by the key above it

    def fields(self, value: Any, source: ClassSource, path: str) -> None:
        """Check a mapping against the fields of a dataclass."""
        if not isinstance(value, Mapping):
            self._refuse(path, f"{show(value)} is not {Fields(source).text}")
            return
        self._arguments(value, source, path, Place())

    def value(self, value: Any, rule: Rule, path: str) -> None:
        """Check a value against a rule; a component in it against its constructor."""
        place = self._place(path)
        if value is BROKEN:
            return
        if isinstance(value, Mapping) and TARGET in value:
            self._component(value, path, place or Place())
            if isinstance(rule, (Scalar, Choice, ListOf)):
                self._refuse(path, f"a component is not {rule.text}")
        elif isinstance(rule, Node) or (place and not isinstance(rule, (AnyOf, Scalar))):
            self._refuse(path, f"{show(value)} is not {Node().text}")
        elif isinstance(rule, AnyOf):
            self._any_of(value, rule, path)
        elif isinstance(rule, (Scalar, Choice)):
            if refusal := rule.refusal(value):
                self._refuse(path, refusal)
        elif isinstance(rule, Fields):
            self.fields(value, rule.source, path)
        else:
            self._container(value, rule, path)

    def worded(self) -> list[Problem]:
        """Return the problems; those of unknown keys are worded only now that all known ones have been seen."""
        return [self._unknown(problem.key) if problem.text == _UNKNOWN else problem for problem in self.problems]

    def _unknown(self, path: str) -> Problem:
        known = [_join(parent, name) for parent, names in self._known.items() for name in names]
        everything = [other for other in known if not path.startswith(f"{other}.")]
        parent, _, key = path.rpartition(".")
        siblings = self._known.get(parent, [])
        elsewhere = [other for other in everything if other.rpartition(".")[2] == key]
        close = nearest(key, siblings) or nearest(path, everything, cutoff=0.8)
        matches = elsewhere[:3] or ([close] if close else [])
        hint = f"; did you mean {' or '.join(map(repr, matches))}?" if matches else ""
        return Problem(path, f"no such key{hint}" + (f" ({', '.join(siblings) or 'it takes none'})" if parent else ""))

    def _any_of(self, value: Any, rule: AnyOf, path: str) -> None:
        found, components = len(self.problems), dict(self.components)
        for option in rule.options:
            self.value(value, option, path)
            if len(self.problems) == found:
                return
            refusals = self.problems[found:]
            del self.problems[found:]
            self.components = dict(components)
            if isinstance(value, (list, Mapping)) and isinstance(option, (ListOf, MapOf, Fields)):
                self.problems += refusals
                return
        self._refuse(path, f"{show(value)} is not {rule.text}")

    def _container(self, value: Any, rule: Rule, path: str) -> None:
        """Check what may hold anything: a list, a mapping, or whatever is allowed to be anything."""
        wanted = {ListOf: list, MapOf: Mapping}.get(type(rule), object)
        items = rule.items if isinstance(rule, ListOf) else None
        fits = isinstance(value, wanted)
        if not fits or (items is not None and len(value) != len(items)):
            self._refuse(path, f"{show(value)} is not {rule.text}")
            return
        each = rule.each if isinstance(rule, (ListOf, MapOf)) else Rule()
        for index, item in enumerate(value if isinstance(value, list) else ()):
            self.value(item, items[index] if items else each, f"{path}[{index}]")
        for key, item in value.items() if isinstance(value, Mapping) else ():
            if not self._magic(key, path):
                self.value(item, each, _join(path, key))

    def _component(self, node: Mapping[str, Any], path: str, place: Place) -> None:
        """Check a component: its class, and the rest of the node against the constructor of that."""
        rest = {key: value for key, value in node.items() if key != TARGET}
        try:
            source = find_target(node[TARGET], self._trusted)
        except NotFound as problem:
            self._refuse(_join(path, TARGET), str(problem))
            self._container(rest, Rule(), path)
            return
        if place.base and source.descends_from(place.base) is False:
            self._refuse(_join(path, TARGET), f"{source.name} is not a {place.base.rpartition('.')[2]}")
        self.components[path] = source
        self._arguments(rest, source, path, place)

    def _arguments(self, values: Mapping[Any, Any], source: ClassSource, path: str, place: Place) -> None:
        """Check keys and values against what a constructor takes."""
        signature = source.signature
        limits = source_of(place.limits) if place.limits else source
        known = {name: it for name, it in signature.parameters.items() if name not in place.given}
        self._known[path] = list(known)
        for key, value in values.items():
            if self._magic(key, path):
                continue
            if key in place.given:
                self._refuse(_join(path, key), "is given by the program; a config cannot set it")
            elif key in known:
                parameter = limits.signature.parameters.get(key) or known[key]
                self.value(value, rule_of(parameter.annotation, parameter.module), _join(path, key))
            elif signature.open:
                self.value(value, Rule(), _join(path, key))
            else:
                self._refuse(_join(path, key), _UNKNOWN)
        for name, parameter in known.items():
            if parameter.required and name not in values:
                text = rule_of(parameter.annotation, parameter.module).text
                self.problems.append(Problem(_join(path, name), f"missing: {text}", missing=True))

    def _magic(self, key: Any, path: str) -> bool:
        """Refuse the keys that mean something to Hydra; here only ``_target_`` does."""
        if isinstance(key, str) and re.fullmatch(r"_\w+_", key) and key != TARGET:
            self._refuse(_join(path, key), f"is not used here: of such keys there is only {TARGET}")
            return True
        return False

    def _place(self, path: str) -> Place | None:
        parts = path.split(".")
        for pattern, place in self._places.items():
            wanted = pattern.split(".")
            if len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted)):
                return place
        return None

    def _refuse(self, path: str, text: str) -> None:
        self.problems.append(Problem(path, text))


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
