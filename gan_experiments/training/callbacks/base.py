"""The base class of the parts of the run loop that a config chooses in its group ``callbacks``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.rules import check_longer_than_a_step, check_within_run


class LoopPart:
    """A part of the run loop, called by :class:`RunLoop` at its turn; not a Lightning callback.

    Attributes:
        role: The argument of ``RunLoop`` that it is passed as.
        slow: Whether it takes longer than a step.
    """

    role: ClassVar[str]
    slow: ClassVar[bool] = False

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a second part with the same role; warn of one that waits until the run ends."""
        parts = config.components("callbacks")
        first = next(name for name, part in parts.items() if getattr(part, "role", None) == cls.role)
        if key != f"callbacks.{first}":
            yield Problem(key, f"callbacks.{first} is the run's {cls.role} already, and a run has one")
        if "every" in options:
            yield from check_within_run(key, "every", "nothing happens before its end", config)
            if cls.slow:
                yield from check_longer_than_a_step(key, config)
