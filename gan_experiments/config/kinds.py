"""What stands at an annotation of a constructor or a schema: plain values, a section of the config, or a component."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin

from gan_experiments.config.signatures import ANYWHERE, Slot

SCALARS = {int: "an integer", float: "a number", bool: "true or false", str: "text", Path: "text"}
UNIONS = (Union, types.UnionType)
LARGEST_INT = 2**63 - 1  # of torch and numpy
FLOAT32 = (1.1754944e-38, 3.4028235e38)  # the smallest and the largest positive number: a run computes in float32


class Section:
    """The base of a schema's dataclasses: a mapping in the config whose keys are the fields."""


class Component:
    """The annotation of what is built: a mapping with ``_target_``, a class, and arguments of its constructor."""


def members(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, or the annotation alone; ``Annotated`` around either is taken off."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        yield from members(arguments[0])
    elif get_origin(annotation) in UNIONS:
        for argument in arguments:
            yield from members(argument)
    else:
        yield annotation


def section_in(annotation: Any) -> type | None:
    """Return the section of a schema that belongs at an annotation, if one does."""
    return next(filter(is_section, members(annotation)), None)


def slot_of(annotation: Any, component: type | None = None) -> Slot:
    """Return which components fit at an annotation, and what the program provides to the one that is there.

    A schema says it of the annotation, or it is those of its classes.
    """
    marks = [mark for part in (annotation, *get_args(annotation)) for mark in getattr(part, "__metadata__", ())]
    slot = next((mark for mark in marks if isinstance(mark, Slot)), ANYWHERE)
    bases = tuple(get_origin(each) or each for each in members(annotation) if is_component(each))
    bases = tuple(map(resolve_name, slot.bases)) if slot.bases else bases
    provided = (getattr(cls, "provided", ()) for cls in (*bases, component))
    return Slot(bases, slot.provided.union(*provided), slot.limits)


def container_of(annotation: Any) -> Any:
    """Return the builtin container that an annotation means, if any: ``Sequence[int]`` is a list."""
    origin = get_origin(annotation) or annotation
    if not isinstance(origin, type) or origin.__module__ not in ("builtins", "collections.abc") or origin is object:
        return None
    if issubclass(origin, tuple):
        return tuple
    if issubclass(origin, Mapping):
        return dict
    return list if issubclass(list, origin) or issubclass(origin, AbstractSet) else None


def is_section(annotation: Any) -> TypeGuard[type]:
    """Tell whether an annotation is a section of a schema."""
    return isinstance(annotation, type) and issubclass(annotation, Section)


def is_component(annotation: Any) -> bool:
    """Tell whether an annotation is a class whose instances no YAML can write: what a component is built for."""
    origin = get_origin(annotation) or annotation
    others = (object, Any, type(None), *SCALARS)
    return isinstance(origin, type) and origin not in others and not container_of(origin) and not is_section(origin)


def in_float32(value: float) -> bool:
    """Tell whether float32 holds a number, and torch reads an integer."""
    most = LARGEST_INT if isinstance(value, int) else FLOAT32[1]
    return value == 0 or FLOAT32[0] <= abs(value) <= most
