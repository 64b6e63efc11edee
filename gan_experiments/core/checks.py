"""What a component says about its own config: problems, and how its rules read the rest of the config.

Every component may have a class method ``check(key, options, config)`` that yields a :class:`Problem` for everything
that is wrong with ``options``, its own arguments, which lie at ``key``, by themselves and beside the rest of
``config``, a :class:`ConfigView`. It is called before anything is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple

from gan_experiments.core.escape import printable
from gan_experiments.core.text import first_few, show_key
from gan_experiments.core.types import ConfigError

_LISTED = 10  # keys that a message names


class Problem(NamedTuple):
    """One thing that is wrong with a config.

    Attributes:
        key: The dotted key it is about; empty for the whole.
        text: What is wrong, and what would fit.
        missing: Whether a value has not been given.
        warning: Whether it can be run all the same, but is probably unintended.
        to_trust: The packages that ``trusted`` would have to list, if that is what is wrong.
    """

    key: str
    text: str
    missing: bool = False
    warning: bool = False
    to_trust: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = printable(self.text)
        return f"{show_key(self.key)}: {text}" if self.key else text


def refuse(problems: Iterable[Problem | str]) -> None:
    """Raise a ``ConfigError`` of all problems, each once, if there are any; packages to trust are one line."""
    if texts := list(dict.fromkeys(map(str, together(problems)))):
        raise ConfigError(texts)


def together(problems: Iterable[Problem | str]) -> list[Problem | str]:
    """Return problems; several that more trust would solve are one line, which lists their keys."""
    problems = list(problems)
    of_trust = [each for each in problems if isinstance(each, Problem) and each.to_trust]
    keys = list(dict.fromkeys(show_key(each.key) for each in of_trust))
    if len(keys) < 2:
        return problems
    packages = ",".join(dict.fromkeys(chain.from_iterable(each.to_trust for each in of_trust)))
    text = f"classes of packages that a config may not name; if they are yours, add trusted=[{packages}]"
    others = [each for each in problems if each not in of_trust]
    return [f"{first_few(keys, _LISTED)}: {printable(text)}", *others]


class ConfigView:
    """A config as the rules of its components read it: values that are already refused read as ``None``.

    Args:
        config: Plain and resolved.
        components: The class of every component, by its dotted key.
        refused: Keys about which a problem is known; they, what lies below them, and a list with one are not shown.
    """

    def __init__(self, config: Mapping[str, Any], components: Mapping[str, type], refused: Iterable[str] = ()) -> None:
        self._config = config
        self._components = components
        self._refused = {key.partition("[")[0] for key in refused}

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value at a dotted key; ``default`` if it is absent or refused."""
        value: Any = self._config
        parts = key.split(".")
        for depth, part in enumerate(parts, start=1):
            if ".".join(parts[:depth]) in self._refused or not isinstance(value, Mapping) or part not in value:
                return default
            value = value[part]
        return value

    def component(self, key: str) -> type | None:
        """Return the class of the component at a dotted key; ``None`` if there is none, or not a valid one."""
        return self._components.get(key)

    def components(self, group: str) -> dict[str, type]:
        """Return the classes of the components directly below ``group``, by their names: ``penalty`` -> r1, lecam."""
        prefix = f"{group}."
        below = {key.removeprefix(prefix): cls for key, cls in self._components.items() if key.startswith(prefix)}
        return {name: cls for name, cls in below.items() if "." not in name}
