"""Which keys two configs differ in, apart from those that do not change what a run computes. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan_experiments.core.dotted import value_of
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder

# Neither the folder of a run nor the devices and processes that train it are part of its result.
NON_RESULT_KEYS = ("name", "output_dir", "resume", "rerun", "retry", "trusted")
EXECUTION_TRAINER_KEYS = ("accelerator", "devices", "num_nodes", "strategy")


def differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    """List the keys in which two resolved configs differ and that can change the result."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        ignored = NON_RESULT_KEYS if not prefix else EXECUTION_TRAINER_KEYS if prefix == "trainer." else ()
        keys = [key for key in dict.fromkeys([*old, *new]) if key not in ignored]
        return [line for key in keys for line in differences(old.get(key), new.get(key), f"{prefix}{key}.")]
    return [] if old == new or (_is_off(old) and _is_off(new)) else [prefix.rstrip(".")]


def _is_off(value: Any) -> bool:
    """Return whether an option is not used; the configs of earlier versions do not have all of them."""
    return value is None or (isinstance(value, Mapping) and all(map(_is_off, value.values())))


def changed(saved: Mapping[str, Any], config: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return the keys in which a run's saved config differs from another one, with both values."""
    return [(key, value_of(saved, key), value_of(config, key)) for key in differences(saved, config)]


def refuse_another_config(folder: RunFolder, config: Mapping[str, Any]) -> None:
    """Refuse to continue in a folder whose run has another config.

    Raises:
        ConfigError: Names each key that differs, with both values.
    """
    lines = [f"{key}: {old} in {folder.path}, {new} here" for key, old, new in changed(folder.read_config(), config)]
    if lines:
        raise ConfigError([*lines, "a run keeps its config: name=... or rerun=true starts another"])
