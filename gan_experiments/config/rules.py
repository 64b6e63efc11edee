"""What a type annotation allows a config to say, read from the annotation's source.

A rule is a small tree; :func:`rule_of` makes it from an annotation, ``validation`` applies it. What is not understood
(tensors, modules, type variables) allows everything: a rule refuses only what it knows to be wrong.
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, replace
from typing import Any

from gan_experiments.config.signatures import ClassSource
from gan_experiments.config.sources import Module, NotFound, follow
from gan_experiments.core.text import nearest, show
from gan_experiments.core.types import Pattern, Range

_SEQUENCES = {"list", "List", "Sequence", "MutableSequence", "Collection", "Iterable", "set", "Set", "frozenset"}
_MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping"}
_WRAPPERS = {"ClassVar", "Final", "Required", "NotRequired", "InitVar", "ReadOnly"}
_VOCABULARY = ("typing.", "typing_extensions.", "collections.abc.", "dataclasses.")
_DEEPEST_ALIAS = 10
COMPONENT = "gan_experiments.config.schema.Component"  # the annotation of what is built from a ``_target_``


@dataclass(frozen=True)
class Rule:
    """Allows everything."""

    @property
    def text(self) -> str:
        """What is allowed, in words that go on from "is not"."""
        return "anything"


@dataclass(frozen=True)
class Scalar(Rule):
    """A number, a text, a truth value or null, within bounds."""

    kind: type
    bounds: Range | None = None
    pattern: Pattern | None = None

    def refusal(self, value: Any) -> str | None:
        """Say what is wrong with ``value``; ``None`` if nothing is."""
        if type(value) is self.kind or (self.kind is float and type(value) is int):
            return None if self._inside(value) else f"{show(value)} is not {self.text}"
        hint = ""
        if self.kind is int and isinstance(value, float) and value.is_integer():
            hint = f"; write {int(value)}"
        if self.kind is str and isinstance(value, (int, float, bool)):
            hint = f"; write \"'{show(value)}'\""
        return f"{show(value)} is not {self.text}{hint}"

    def _inside(self, value: Any) -> bool:
        if isinstance(value, float) and not math.isfinite(value):
            return False
        if self.pattern:
            return re.fullmatch(self.pattern.regex, value) is not None
        low, high, low_open, high_open = self.bounds or Range()
        above = low is None or value > low or (value == low and not low_open)
        return above and (high is None or value < high or (value == high and not high_open))

    @property
    def text(self) -> str:
        """The kind and its bounds."""
        if self.pattern:
            return self.pattern.text
        names = {int: "an integer", float: "a number", bool: "true or false", str: "text", type(None): "null"}
        low, high, low_open, high_open = self.bounds or Range()
        if low is not None and high is not None:
            return f"{names[self.kind]} in {'(' if low_open else '['}{low:g}, {high:g}{')' if high_open else ']'}"
        above = f" {'>' if low_open else '>='} {low:g}" if low is not None else ""
        below = f" {'<' if high_open else '<='} {high:g}" if high is not None else ""
        return names[self.kind] + above + below


@dataclass(frozen=True)
class Choice(Rule):
    """One of some values."""

    values: tuple[Any, ...]

    def refusal(self, value: Any) -> str | None:
        """Say what is wrong with ``value``; ``None`` if nothing is."""
        if any(type(value) is type(allowed) and value == allowed for allowed in self.values):
            return None
        match = nearest(value, [str(allowed) for allowed in self.values])
        return f"{show(value)} is not {self.text}" + (f"; did you mean {match!r}?" if match else "")

    @property
    def text(self) -> str:
        """The values."""
        listed = ", ".join(str(value) for value in self.values)
        return f"one of {listed}" if len(self.values) > 1 else f"'{listed}'"


@dataclass(frozen=True)
class ListOf(Rule):
    """A list; of ``items``, one rule each, or of any number that keep ``each``."""

    each: Rule = Rule()
    items: tuple[Rule, ...] | None = None

    @property
    def text(self) -> str:
        """The list and what is in it."""
        if self.items is not None:
            return f"a list of {len(self.items)}: {', '.join(item.text for item in self.items)}"
        return "a list" if type(self.each) is Rule else f"a list, each {self.each.text}"


@dataclass(frozen=True)
class MapOf(Rule):
    """Names, each with a value."""

    each: Rule = Rule()

    @property
    def text(self) -> str:
        """The mapping and what is in it."""
        return "a mapping" if type(self.each) is Rule else f"a mapping, each value {self.each.text}"


@dataclass(frozen=True)
class Fields(Rule):
    """The fields of a dataclass that is part of a schema: written in the same module."""

    source: ClassSource

    @property
    def text(self) -> str:
        """The names of the fields."""
        return f"a mapping of {', '.join(self.source.signature.parameters)}"


@dataclass(frozen=True)
class Node(Rule):
    """A component: a mapping with a ``_target_``."""

    @property
    def text(self) -> str:
        """What makes it one."""
        return "a component (a mapping with a _target_)"


@dataclass(frozen=True)
class AnyOf(Rule):
    """What one of several rules allows."""

    options: tuple[Rule, ...]

    @property
    def text(self) -> str:
        """All of them."""
        return " or ".join(option.text for option in self.options)


def rule_of(annotation: ast.expr | None, module: Module, depth: int = _DEEPEST_ALIAS) -> Rule:
    """Return what ``annotation``, written in ``module``, allows."""
    if annotation is None or not depth:
        return Rule()
    if isinstance(annotation, ast.Constant):
        if isinstance(annotation.value, str):
            return rule_of(ast.parse(annotation.value, mode="eval").body, module, depth - 1)
        return Scalar(type(None)) if annotation.value is None else Rule()
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return _any_of([rule_of(side, module, depth) for side in (annotation.left, annotation.right)])
    if isinstance(annotation, ast.Subscript):
        return _generic(annotation, module, depth)
    if isinstance(annotation, (ast.Name, ast.Attribute)):
        return _named(ast.unparse(annotation), module, depth)
    return Rule()


def _named(name: str, module: Module, depth: int) -> Rule:
    """Return the rule of a plain name: a builtin, an alias, or a class."""
    path = module.absolute(name)
    word = _word(path)
    simple: dict[str, Rule] = {kind.__name__: Scalar(kind) for kind in (int, float, bool, str)}
    simple |= dict.fromkeys(_SEQUENCES | {"tuple", "Tuple"}, ListOf()) | dict.fromkeys(_MAPPINGS, MapOf())
    if word in simple:
        return simple[word]
    if word is not None:
        return Rule()
    try:
        origin, node = follow(path)
    except NotFound:
        return Rule()
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return rule_of(node.value, origin, depth - 1)
    if not isinstance(node, ast.ClassDef):
        return Rule()
    source = ClassSource(origin, node)
    if source.path == COMPONENT:
        return Node()
    return Fields(source) if source.is_dataclass and origin is module else Rule()


def _generic(annotation: ast.Subscript, module: Module, depth: int) -> Rule:
    """Return the rule of ``Name[...]``."""
    word = _word(module.absolute(ast.unparse(annotation.value)))
    content = annotation.slice
    parts = content.elts if isinstance(content, ast.Tuple) else [content]
    if word == "Literal":
        return Choice(tuple(part.value for part in parts if isinstance(part, ast.Constant)))
    if word == "Annotated":
        return _bounded(rule_of(parts[0], module, depth), parts[1:], module)
    rules = [rule_of(part, module, depth) for part in parts]
    if word in ("Optional", "Union"):
        return _any_of(rules + [Scalar(type(None))] * (word == "Optional"))
    if word in _WRAPPERS:
        return rules[0]
    if word in ("tuple", "Tuple"):
        endless = len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is Ellipsis
        return ListOf(rules[0]) if endless else ListOf(items=tuple(rules))
    if word in _SEQUENCES:
        return ListOf(rules[0])
    return MapOf(rules[-1]) if word in _MAPPINGS else Rule()


def _word(path: str) -> str | None:
    """Return the last part of a builtin's name or of one from ``typing`` and the like; ``None`` of any other."""
    own = "." not in path or any(path.startswith(prefix) for prefix in _VOCABULARY)
    return path.rpartition(".")[2] if own else None


def _bounded(rule: Rule, details: list[ast.expr], module: Module) -> Rule:
    """Return ``rule`` with the ranges and patterns that ``Annotated`` gives it."""
    known = {
        "gan_experiments.core.types.Range": ("bounds", Range),
        "gan_experiments.core.types.Pattern": ("pattern", Pattern),
    }
    for detail in details if isinstance(rule, Scalar) else []:
        if isinstance(detail, ast.Call):
            place, make = known.get(module.absolute(ast.unparse(detail.func)), (None, None))
            if place and make:
                arguments = [ast.literal_eval(argument) for argument in detail.args]
                named = {str(word.arg): ast.literal_eval(word.value) for word in detail.keywords}
                rule = replace(rule, **{place: make(*arguments, **named)})
    return rule


def _any_of(rules: list[Rule]) -> Rule:
    if any(type(rule) is Rule for rule in rules):
        return Rule()
    options = [option for rule in rules for option in (rule.options if isinstance(rule, AnyOf) else (rule,))]
    return AnyOf(tuple(options)) if len(options) > 1 else options[0]
