"""What a schema is made of: sections of the config, and slots for components."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple


class Section:
    """The base of a schema's dataclasses: a mapping in the config whose keys are the fields."""


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
