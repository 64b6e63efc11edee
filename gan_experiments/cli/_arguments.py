"""The flags of a command line, and the overrides between them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from gan_experiments.core.text import suggest
from gan_experiments.core.types import ConfigError

_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
FLAGS = (
    (("-m", "--multirun"), {"action": "store_true"}, "a run of each value: loss=hinge,wasserstein"),
    (("-c", "--cfg"), {"choices": ["job", "hydra", "all"]}, "print the config and stop: --cfg job"),
    (("-p", "--package"), {"metavar": "KEY"}, "of that config only a part: --cfg job -p optimizer"),
    (("--resolve",), {"action": "store_true"}, "of that config the interpolations' values"),
    (("-cd", "--config-dir"), {"metavar": "FOLDER"}, "a folder of configs of yours beside ours"),
    (("-cn", "--config-name"), {"metavar": "NAME"}, "another root config, such as that of a run (see the examples)"),
    (("-i", "--info"), {"nargs": "?", "const": "all", "choices": _INFO}, "how the config is put together: -i defaults"),
    (
        ("-sc", "--shell-completion"),
        {"action": "store_true"},
        'eval "$({program} -sc install=bash)" completes with Tab',
    ),
    (("--hydra-help",), {"action": "store_true"}, "what else Hydra can do"),
    (("--version",), {"action": "store_true"}, "print the version"),
    (("-h", "--help"), {"action": "store_true"}, "print this page"),
)


@dataclass
class Arguments:
    """A command line, read.

    Attributes:
        overrides: Everything that is no flag.
        help: Whether the help page is asked for.
        version: Whether the version is.
        multirun: Whether to run a sweep.
        cfg: Which config to print instead of running; ``None``: run.
        package: Of that config only what lies below this key.
        resolve: Whether to print it with its interpolations resolved.
        config_dir: A folder of configs beside ours.
        config_name: Another root config.
        for_hydra: Whether Hydra is asked something about itself and answers by itself.
    """

    overrides: list[str]
    help: bool
    version: bool
    multirun: bool
    cfg: str | None
    package: str | None
    resolve: bool
    config_dir: str | None
    config_name: str | None
    for_hydra: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """Read a command line; flags and overrides may come in any order.

    Raises:
        ConfigError: There is no such flag, or it wants another value.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    for names, options, _ in FLAGS:
        parser.add_argument(*names, **options)
    parser.add_argument("overrides", nargs="*")
    read, unknown = parser.parse_known_intermixed_args(list(arguments))
    known = [name for names, _, _ in FLAGS for name in names]
    if unknown:
        raise ConfigError([f"{flag}: no such flag{suggest(flag, known)}" for flag in unknown])
    return Arguments(
        overrides=read.overrides,
        help=read.help,
        version=read.version,
        multirun=(read.multirun or "hydra.mode=MULTIRUN" in read.overrides) and not read.cfg,
        cfg=read.cfg,
        package=read.package,
        resolve=read.resolve,
        config_dir=read.config_dir,
        config_name=read.config_name,
        for_hydra=bool(read.info or read.shell_completion or read.hydra_help),
    )
