"""``compose``: the config of a run from overrides, checked."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gan_experiments.api.request import Request, checked_names, checked_request
from gan_experiments.api.state import preserved_state
from gan_experiments.config.arguments import checked
from gan_experiments.config.compose import check_command_line
from gan_experiments.config.schema import Config
from gan_experiments.core.dotted import value_of
from gan_experiments.runs.config_differences import differences

warn = partial(warnings.warn, stacklevel=5)  # shows the line that called the function of the API


class ComposedConfig(dict[str, Any]):
    """A plain, resolved config, which may be edited, with the request that it was composed from.

    Attributes:
        request: The overrides, the choices, and the config as it was before any edit.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(deepcopy(request.config))
        self.request = request


@checked
def compose(
    overrides: str | Sequence[str] = (), *, config_dir: str | Path | None = None, trusted: Sequence[str] = ()
) -> ComposedConfig:
    """Return the config that ``gan-train`` would use with the same overrides: a plain dict without interpolations.

    Args:
        overrides: As on the command line: ``["model=mlp", "seed=3"]``.
        config_dir: A folder of your configs, searched besides the project's.
        trusted: Packages of yours that may be named as ``_target_``.

    Raises:
        ConfigError: Lists everything that is wrong, in names, values and combinations.
    """
    with preserved_state():
        return ComposedConfig(compose_request("train", Config, as_list(overrides, trusted), config_dir))


def compose_request(
    config_name: str, schema: type, overrides: Sequence[str], config_dir: str | Path | None = None
) -> Request:
    """Compose a root config, check it against its dataclass ``schema``, and turn what is dubious into warnings.

    Raises:
        ConfigError: Lists everything that is wrong.
    """
    line = checked_names(check_command_line(config_name, schema, overrides, config_dir))
    return checked_request(line, schema, warn)


def edited_request(config: Mapping[str, Any], trusted: Sequence[str] = ()) -> Request:
    """Return the request of a config that may have been edited since it was composed, or that comes from elsewhere.

    Each key that differs from what was composed, or from the defaults, becomes an override: they name the run folder.

    Args:
        config: From ``compose``, or any complete config.
        trusted: Packages of yours that may be named as ``_target_``, besides those of a composed config. What any other
            config says of that is ignored: it may come from a stranger.

    Raises:
        ConfigError: Lists everything that is wrong.
    """
    own = config["trusted"] if isinstance(config, ComposedConfig) else ()
    base = config.request if isinstance(config, ComposedConfig) else compose_request("train", Config, ())
    keys = differences(base.config, config)
    lines = [f"{key}={json.dumps(value_of(config, key), default=str)}" for key in keys]
    line = check_command_line("train", Config)
    line.trusted = [*own, *trusted]
    plain: Any = OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else deepcopy(dict(config))
    request = checked_request(line, Config, warn, plain)  # nothing in it is interpolated
    edited = {key.partition(".")[0] for key in keys}
    choices = {group: choice for group, choice in base.choices.items() if group not in edited}
    return Request(request.config, [*base.overrides, *lines], choices)


def as_list(overrides: Sequence[str], trusted: Sequence[str] = ()) -> list[str]:
    """Return overrides as a list, with one for ``trusted`` packages; a single string is one override."""
    lines = [overrides] if isinstance(overrides, str) else list(overrides)
    return [*lines, f"trusted=[{','.join(trusted)}]"] if trusted else lines
