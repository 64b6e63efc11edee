"""Which keys two configs differ in, apart from those that do not change what a run computes. Imports no torch.

An option that a run does not have, since it was added to a component later, has the default of the component's class;
only to learn that is the class imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from gan_experiments.config.targets import TARGET, RefusedTargetError, find_class
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
        same = old.get(TARGET) if old.get(TARGET) == new.get(TARGET) else None  # the class, of one component
        pairs = ((key, _value(old, key, same), _value(new, key, same)) for key in keys)
        return [line for key, one, other in pairs for line in differences(one, other, f"{prefix}{key}.")]
    return [] if old == new or (_is_off(old) and _is_off(new)) else [prefix.rstrip(".")]


def add_defaults(configs: Sequence[dict[str, Any]]) -> None:
    """Add to flat configs the options that others have whose component is of the same class, with its defaults."""
    for key in {key for config in configs for key in config}:
        parent, _, name = key.rpartition(".")
        target = f"{parent}.{TARGET}"
        if name == TARGET or all(key in config or target not in config for config in configs):
            continue
        classes = {str(config[target]) for config in configs if key in config and target in config}
        for config in configs:
            lacks = key not in config and str(config.get(target)) in classes
            if lacks and (default := default_of(str(config[target]), name)) is not None:
                config[key] = default


@cache
def default_of(target: str, name: str) -> Any:
    """Return the default of an option of the class that a ``_target_`` names; ``None`` where there is none.

    A class of the user's is not imported.
    """
    try:
        cls = find_class(target)
    except RefusedTargetError:
        return None
    for owner in cls.__mro__:
        if "__init__" not in vars(owner):
            continue
        try:
            parameters = inspect.signature(vars(owner)["__init__"]).parameters
        except (TypeError, ValueError):  # not written in Python
            break
        if name in parameters:
            default = parameters[name].default
            return None if default is inspect.Parameter.empty else _plain(default)
        if all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
            break
    return None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _value(config: Mapping[str, Any], key: str, target: Any) -> Any:
    return default_of(target, key) if isinstance(target, str) and key not in config else config.get(key)


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
