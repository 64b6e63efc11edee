"""Reads YAML that may come from a stranger, of whose aliases a few hundred bytes can stand for billions of values."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast
_MOST_VALUES = 100_000  # keys included; a config has about 300
_DEEPEST = 64  # levels of nesting
_LONGEST = 10_000  # characters of a key with its value that are kept
_KEY = re.compile(r"[A-Za-z_][^\n]*\n(?:(?:| .*|- .*)\n)*")  # of the outermost mapping, with its value
_MARKED = re.compile("[&!]")  # an anchor or a tag, perhaps


def load_yaml(text: str | bytes) -> Any:
    """Return the value of a YAML document as ``yaml.safe_load`` does, unless ``refuse_huge`` refuses it.

    Raises:
        yaml.YAMLError: It is refused, or is not YAML.
        ValueError: A value is none of its kind, such as a date of the 13th month.
        TypeError: A key is a mapping or a list.
    """
    try:
        by_key = _load_by_key(text)
    except (yaml.YAMLError, ValueError, TypeError):  # what only looks like a key and its value may be no YAML
        by_key = None
    if by_key is not None:
        return by_key
    refuse_huge(text)
    return yaml.load(text, _LOADER)  # noqa: S506 - a safe loader


def _load_by_key(text: str | bytes) -> dict[str, Any] | None:
    """Return the value of a mapping key by key, each of which is read once: a thousand runs differ in few of theirs.

    ``None`` if that could be something else than a mapping of such keys.
    """
    text = text.decode("ascii") if isinstance(text, bytes) else text
    parts = _KEY.findall(text) if text.isascii() and len(text) <= _MOST_VALUES and not _MARKED.search(text) else []
    if not parts or sum(map(len, parts)) < len(text) or max(map(len, parts)) > _LONGEST:
        return None
    loaded = list(map(_load_part, parts))
    if not all(isinstance(each, dict) and len(each) == 1 for each in loaded):
        return None
    return {key: _copy(value) for each in loaded for key, value in each.items()}


@lru_cache(1024)
def _load_part(text: str) -> Any:
    refuse_huge(text)
    return yaml.load(text, _LOADER)  # noqa: S506 - a safe loader


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list) else value


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
