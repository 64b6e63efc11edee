"""Marks in a schema where components belong, and of which classes."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from gan_experiments.config.signatures import classes_in, describe, members, metadata, plain

COMPONENT = "a component (a mapping with a _target_)"


class Component:
    """The annotation of what is built: a mapping with ``_target_``, a class, and arguments of its constructor."""


class Slot(NamedTuple):
    """Says of a :class:`Component` in a schema which classes fit.

    Attributes:
        bases: Paths of the classes of which they descend from one, as ``module:name``.
        provided: Arguments that the program hands over; a config must not name them.
        limits: A dataclass whose annotations are stricter than those of the constructor.
    """

    bases: tuple[str, ...]
    provided: tuple[str, ...] = ()
    limits: type | None = None

    def load(self) -> tuple[type, ...]:
        """Import the base classes."""
        paths = [base.partition(":") for base in self.bases]
        return tuple(getattr(import_module(module), name) for module, _, name in paths)


def slot_of(annotation: Any) -> Slot | None:
    """Return what an annotation says of the components that belong there; ``None`` if none do, or any."""
    marks = [mark for part in (annotation, *members(annotation)) for mark in metadata(part)]
    return next((mark for mark in marks if isinstance(mark, Slot)), None)


def expected(annotation: Any) -> str:
    """Return what an annotation allows, in words that follow "is not", components among it."""
    if slot_of(annotation) is None and not classes_in(annotation):
        return describe(annotation)
    return COMPONENT if plain(annotation) is Any else describe(plain(annotation))


def bases_of(annotation: Any) -> tuple[type, ...]:
    """Return the classes of which a component that belongs to an annotation descends from one; empty for any."""
    slot = slot_of(annotation)
    return slot.load() if slot else classes_in(annotation)
