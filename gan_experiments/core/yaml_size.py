"""Reads YAML that may come from a stranger, of whose aliases a few hundred bytes can stand for billions of values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast
_MOST_VALUES = 100_000  # keys included; a config has about 300
_DEEPEST = 64  # levels of nesting
_LONGEST = 10_000  # characters of a value: some are kept
_MARKABLE = {yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent}
_KEY = re.compile(r"[A-Za-z_][^\n]*\n(?:(?:| .*|- .*)\n)*")  # of the outermost mapping, with its value
_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}


def load_yaml(text: str | bytes) -> Any:
    """Return the value of a YAML document as ``yaml.safe_load`` does, unless ``refuse_huge`` refuses it.

    Raises:
        yaml.YAMLError: It is refused, or is not YAML.
        ValueError: A value is none of its kind, such as a date of the 13th month.
        TypeError: A key is a mapping or a list.
    """
    try:
        return _load_parts(text)
    except (_NotSimpleError, yaml.YAMLError, ValueError, TypeError):
        pass  # parts of what is no such mapping may be no YAML
    try:
        return _load_simple(text)
    except (_NotSimpleError, TypeError):  # of a mapping as a key
        refuse_huge(text)
        return yaml.load(text, _LOADER)  # noqa: S506 - a safe loader


class _NotSimpleError(Exception):
    """Raised for YAML with anchors, tags, unusual values, or more than a config has."""


def _load_parts(text: str | bytes) -> dict[str, Any]:
    """Return the value of a mapping key by key, each of which is read once: a thousand runs differ in few of theirs."""
    text = text.decode("ascii") if isinstance(text, bytes) else text
    parts = _KEY.findall(text) if text.isascii() and len(text) <= _MOST_VALUES else []
    if not parts or sum(map(len, parts)) < len(text) or max(map(len, parts)) > _LONGEST:
        raise _NotSimpleError
    return {key: _copy(value) for part in parts for key, value in _load_key(part).items()}


@lru_cache(1024)
def _load_key(text: str) -> dict[str, Any]:
    loaded = _load_simple(text)
    if not isinstance(loaded, dict) or len(loaded) != 1:
        raise _NotSimpleError
    return loaded


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list) else value


def _load_simple(text: str | bytes) -> Any:
    """Return the value of such YAML as configs are, in a third of the time: a thousand of them share their scalars."""
    opened: list[list[Any]] = [[]]  # what each collection around an event has so far, of a mapping keys and values
    events: Iterator[Any] = yaml.parse(text, _LOADER)
    for count, event in enumerate(events):
        kind = type(event)
        marked = kind in _MARKABLE and (event.anchor is not None or event.tag is not None)
        second = kind is yaml.DocumentStartEvent and opened[0]
        long = kind is yaml.ScalarEvent and len(event.value) > _LONGEST
        if marked or second or long or kind is yaml.AliasEvent or count > _MOST_VALUES or len(opened) > _DEEPEST:
            raise _NotSimpleError
        if kind is yaml.ScalarEvent:
            opened[-1].append(_scalar(event.value) if event.implicit[0] else event.value)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            opened.append([])
        elif kind is yaml.MappingEndEvent:
            items = opened.pop()
            opened[-1].append(dict(zip(items[::2], items[1::2], strict=True)))
        elif kind is yaml.SequenceEndEvent:
            items = opened.pop()
            opened[-1].append(items)
    return opened[0][0] if opened[0] else None


@lru_cache(1024)
def _scalar(text: str) -> Any:
    """Return the value of a scalar without quotes."""
    loader: Any = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    if tag not in _PLAIN:
        raise _NotSimpleError
    return loader.construct_object(yaml.ScalarNode(tag, text))


def refuse_huge(text: str | bytes) -> None:
    """Refuse YAML that stands for too many values, counting what an alias repeats, or is nested too deeply.

    Raises:
        yaml.YAMLError: It is, or it is not YAML, or it contains itself.
    """
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []  # anchor and size so far of each collection around an event
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            opened.append((event.anchor, 1))
        elif opened and isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent, yaml.CollectionEndEvent)):
            anchor, size = opened.pop() if isinstance(event, yaml.CollectionEndEvent) else _size(event, sizes)
            sizes[str(anchor)] = size
            if opened:
                around, so_far = opened[-1]
                opened[-1] = (around, so_far + size)
        if len(opened) > _DEEPEST:
            raise yaml.YAMLError(f"nested deeper than {_DEEPEST} levels")
        if opened and opened[-1][1] > _MOST_VALUES:
            raise yaml.YAMLError(f"stands for more than {_MOST_VALUES:,} values")


def _size(event: yaml.NodeEvent, sizes: dict[str, int]) -> tuple[str | None, int]:
    if isinstance(event, yaml.AliasEvent) and str(event.anchor) not in sizes:
        raise yaml.YAMLError(f"*{event.anchor} stands for something that it is part of, or for nothing")
    return event.anchor, sizes[str(event.anchor)] if isinstance(event, yaml.AliasEvent) else 1
