"""The config of a run, read from its folder and checked: the folder may come from a stranger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gan_experiments.config.check import check_config
from gan_experiments.config.places import DATA_PLACES, outside_places
from gan_experiments.config.schema import Config
from gan_experiments.core.checks import refuse, together
from gan_experiments.core.dotted import value_of, with_values
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder

_ABSENT = object()  # not ``None``, which a config can set


def checked_run(
    folder: RunFolder,
    trusted: Sequence[str] = (),
    given: Sequence[str] | None = None,
    edits: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the config of a run, checked: the folder may come from a stranger.

    Args:
        folder: The run's.
        trusted: Packages that may be named as ``_target_``.
        given: Keys of the command line that goes on with the run: no other places outside its folder are written to.
            ``None``: the run only is read, and caches are the user's own.
        edits: Other values of some dotted keys, such as where its data lie on this machine.

    Raises:
        ConfigError: It is no run, or its config cannot be used.
    """
    config = folder.read_config()
    for key in edits:
        if key in DATA_PLACES and value_of(config, key, _ABSENT) is _ABSENT:
            own = [option for option in DATA_PLACES if value_of(config, option, _ABSENT) is not _ABSENT]
            raise ConfigError(f"{key}: the run's dataset has no such option ({', '.join(own) or 'it reads no files'})")
    config = with_values(config, edits)
    if given is None:
        config = _own_caches(config)
    problems = check_config(config, Config, trusted).errors
    if given is not None:
        problems += outside_places({**config, "output_dir": str(folder.path)}, ["output_dir", *given])
    refuse([f"{folder.config_file}: {problem}" for problem in together(problems)])
    return config


def refuse_measures(
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    dataset: Mapping[str, Any] | None = None,
    trusted: Sequence[str] = (),
) -> None:
    """Refuse ``metrics`` that a run was not trained with and that do not go with its system or the images.

    Args:
        config: The run's.
        metrics: A checked node, of which only measures and extractors are looked at.
        dataset: A checked node of other real images than the run's.
        trusted: Packages that may be named as ``_target_``.

    Raises:
        ConfigError: Names each measure, and what it needs.
    """
    other = {**config, "metrics": {**config["metrics"], **metrics}, "dataset": dataset or config["dataset"]}
    kinds = tuple(f"metrics.{kind}." for kind in ("extractors", "features", "measures"))
    refuse(problem for problem in check_config(other, Config, trusted).errors if problem.key.startswith(kinds))


def _own_caches(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: None if key == "cache_dir" else _own_caches(item) for key, item in value.items()}
    return value
