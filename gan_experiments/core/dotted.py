"""Dotted keys into nested mappings, such as ``optimizer.generator.betas[0]``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def value_of(nested: Any, key: str, default: Any = None) -> Any:
    """Return the value at a dotted key, each part of which may end in an index; ``default`` if there is none."""
    value = nested
    for part in key.split("."):
        name, *indices = part.replace("]", "").split("[") if "[" in part else (part,)
        if not isinstance(value, Mapping) or name not in value:
            return default
        value = value[name]
        for index in map(int, indices):
            if not isinstance(value, Sequence) or index >= len(value):
                return default
            value = value[index]
    return value


def with_values(nested: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of nested mappings with other values at dotted keys, which need not exist."""
    copy = dict(nested)
    for key, value in values.items():
        name, _, rest = key.partition(".")
        below = copy.get(name)
        copy[name] = with_values(below if isinstance(below, Mapping) else {}, {rest: value}) if rest else value
    return copy


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return every value of nested mappings by its dotted key; a list is one value, and so is an empty mapping."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def distinct(configs: Iterable[Mapping[str, Any]], key: str, default: Any = None) -> Iterable[Any]:
    """Return the values of flat configs at a key; an object that several hold, as those that were read do, is one."""
    return {id(value): value for value in (config.get(key, default) for config in configs)}.values()
