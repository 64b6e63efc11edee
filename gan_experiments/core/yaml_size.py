"""Bounds what a YAML file makes, before it is made: a few hundred bytes of aliases can stand for billions of values."""

from __future__ import annotations

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_VALUES = 100_000  # keys included; a config has about 300
_DEEPEST = 64  # levels of nesting


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
