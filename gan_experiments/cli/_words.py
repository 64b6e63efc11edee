"""Words of a command line that are no overrides: values of one key, for commands that take them."""

from __future__ import annotations

from collections.abc import Sequence

from gan_experiments.core.text import key_of
from gan_experiments.core.types import ConfigError


def with_words(key: str, overrides: Sequence[str]) -> list[str]:
    """Return overrides with the words among them that are none as the value of ``key``: one, or a list of several.

    Raises:
        ConfigError: The key is given besides.
    """
    words = [override for override in overrides if "=" not in override]
    others = [override for override in overrides if "=" in override]
    given = [override for override in others if key_of(override) == key]
    if words and given:
        raise ConfigError(f"{key}: given twice: {', '.join(words)} and {', '.join(given)}")
    value = ",".join(map(_quoted, words))
    return [f"{key}={value if len(words) == 1 else f'[{value}]'}", *others] if words else others


def _quoted(path: str) -> str:
    """Return a path as a value of an override, whatever characters are in it."""
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
