"""Where a config may let a run write: inside the output folder, unless the command line says otherwise."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import PurePath
from typing import Any

from gan_experiments.core.checks import Problem
from gan_experiments.core.text import show

# Options of our components, and of Lightning's loggers and callbacks, that name a file or folder to write.
_PLACES = {
    "output_dir", "cache_dir", "file", "output", "save_dir", "dirpath", "filename", "log_dir", "logdir", "dir", "name",
    "root_dir", "default_root_dir", "sub_dir", "version", "offline_directory", "tracking_uri", "repo",
}  # fmt: skip

# Where a dataset reads its files: not part of what the data are, so it may change with the machine.
DATA_PLACES = ("dataset.root", "dataset.root_a", "dataset.root_b", "dataset.path", "dataset.urls")


def outside_places(config: Any, given: Collection[str]) -> Iterator[Problem]:
    """Yield the options that name a place outside the output folder.

    Args:
        config: Plain and resolved, from a user's or a run's file.
        given: Keys that the command line sets; what it says is obeyed.
    """
    inside = str(config.get("output_dir", "")) if isinstance(config, dict) else ""
    for key, value in _strings(config, ""):
        if key.rpartition(".")[2] not in _PLACES or any(key == each or key.startswith(f"{each}.") for each in given):
            continue
        if key != "output_dir" and inside and value.startswith(f"{inside}/"):
            value = value[len(inside) + 1 :]
        path = PurePath(value)
        if path.is_absolute() or ".." in path.parts or value.startswith("~") or ":" in value:
            text = f"{show(value)} is not inside the output folder; a file cannot choose that, {key}=... on the command"
            yield Problem(key, f"{text} line can")


def _strings(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _strings(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, key)
    elif isinstance(value, str):
        yield key, value
