"""The flags of a command line, and the overrides between them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NoReturn

from omegaconf import OmegaConf

from gan_experiments.config.files import own_files
from gan_experiments.config.suggestions import (
    devices_meant,
    how_to_read,
    key_aliases,
    likely_keys,
    said_otherwise,
    unit,
)
from gan_experiments.core.text import key_of, nearest, suggest
from gan_experiments.core.types import ConfigError

_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
_CFG = ("job", "hydra", "all")
_LONG = re.compile(r"-[A-Za-z][\w-]{2,}(=.*)?", re.DOTALL)
_SWITCH: dict[str, Any] = {"action": "store_true"}
_FLAGS: dict[tuple[str, ...], dict[str, Any]] = {
    ("-m", "--multirun"): {**_SWITCH, "help": "a run of each value: loss=hinge,wasserstein"},
    ("-c", "--cfg"): {"metavar": "WHAT", "help": "print the config and stop: --cfg job"},
    ("-p", "--package"): {"metavar": "KEY", "help": "of that config only a part: --cfg job -p optimizer"},
    ("--resolve",): {**_SWITCH, "help": "of that config the interpolations' values"},
    ("-cd", "--config-dir"): {"metavar": "FOLDER", "help": "a folder of configs of yours beside ours"},
    ("-cn", "--config-name"): {"metavar": "NAME", "help": "another root config, such as that of a run (see above)"},
    ("-i", "--info"): {
        **{"nargs": "?", "const": "all", "choices": _INFO, "metavar": "WHAT"},
        "help": "how the config is put together: -i defaults",
    },
    ("-sc", "--shell-completion"): {**_SWITCH, "help": 'eval "$(%(prog)s -sc install=bash)" completes with Tab'},
    ("--hydra-help",): {**_SWITCH, "help": "what else Hydra can do"},
    ("--version",): {**_SWITCH, "help": "print the version"},
    ("-h", "--help"): {**_SWITCH, "help": "print this page"},
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def flag_parser(program: str = "", description: str = "") -> argparse.ArgumentParser:
    """Return the parser of a command's flags; its help is ``description``, then the flags."""
    usage = "%(prog)s [group=option ...] [key=value ...] [flags]"
    parser = _Parser(program, usage, description, add_help=False, allow_abbrev=False)
    parser.formatter_class = partial(argparse.RawDescriptionHelpFormatter, max_help_position=40, width=100)
    parser.add_argument("overrides", nargs="*", help=argparse.SUPPRESS)
    group = parser.add_argument_group("Flags")
    for names, options in _FLAGS.items():
        group.add_argument(*names, **options)
    return parser


def read_arguments(arguments: Sequence[str], config_name: str = "train") -> argparse.Namespace:
    """Read a command line: ``overrides``, the flags above, ``for_hydra``, ``problems``; they may come in any order.

    A key that is written as a flag is a problem, and an override besides: it is checked with the others.

    Args:
        arguments: As given.
        config_name: The root config, whose keys may have been written as flags.

    Raises:
        ConfigError: A flag wants a value.
    """
    arguments = [f"-{word}" if _is_long(word) else word for word in arguments]
    read, unknown = flag_parser().parse_known_intermixed_args(arguments)
    read.problems = []
    if read.cfg not in (None, *_CFG):
        read.problems.append(f"--cfg={read.cfg}: prints a config ({', '.join(_CFG)}); a recipe is experiment=NAME")
    read.overrides += [word for word in unknown if not word.startswith("-")]  # argparse loses some behind such a flag
    for flag in _with_values(unknown, arguments):
        if flag not in unknown:
            read.overrides.remove(flag.partition("=")[2])
        hint, overrides = _meant(flag, config_name)
        read.problems.append(f"{flag}: no such flag{hint}")
        read.overrides += overrides
    read.multirun = (read.multirun or "hydra.mode=MULTIRUN" in read.overrides) and not read.cfg
    # Hydra is asked something about itself, and answers by itself.
    read.for_hydra = bool(read.info or read.shell_completion or read.hydra_help)
    return read


def _is_long(word: str) -> bool:
    """Tell whether a word is a name with one dash, as other programs have them (``-metrics``), and no joined flags."""
    joined = {f"-c{what}" for what in _CFG} | {f"-i{what}" for what in _INFO}
    return bool(_LONG.fullmatch(word)) and word not in joined and not word.startswith("-p")


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


def _with_values(unknown: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Return the unknown flags of a command line, each with the value that stands behind it: ``--name x`` is one."""
    flags, behind = [], list(pairwise([*arguments, "-"]))
    for flag in (word for word in unknown if word.startswith("-")):
        value = next((after for word, after in behind if word == flag), "-")
        if (flag, value) in behind:  # of a flag that is given again the next one counts
            behind.remove((flag, value))
        flags.append(flag if "=" in flag or "=" in value or value.startswith("-") else f"{flag}={value}")
    return flags or list(unknown)


def _meant(flag: str, config_name: str) -> tuple[str, list[str]]:
    """Return what a flag that does not exist may have been meant for, another one or a key, and overrides of that."""
    name, _, value = flag.lstrip("-").partition("=")
    known = [name for names in _FLAGS for name in names]
    if nearest(flag, known, cutoff=0.75):
        return suggest(flag, known), []
    files, aliases = own_files(config_name), key_aliases(config_name)
    if value.endswith(".yaml") and (read := how_to_read(value, files)):
        return f"; a file is read with {read[0]}", []
    if value and (devices := devices_meant(name, [value], files)):
        return f"; did you mean {devices}?", []
    config: Any = OmegaConf.to_container(files.compose([]).config)
    if name not in config and (answer := said_otherwise(name, files)):
        return f"; {answer}", []
    keys = likely_keys(name, list(config), config, files) or [name] * ("." in name)
    if not keys:
        return ", and no such key; --help lists both", []
    is_value = bool(value) and name.lower().replace("-", "_") not in aliases  # else it may be counted in other units
    overrides = [key if "=" in key else f"{key}={value if is_value else '...'}" for key in keys]
    return f"; keys have no dashes: {' or '.join(overrides)}{unit(keys)}", overrides * is_value


def _quoted(path: str) -> str:
    """Return a path as a value of an override, whatever characters are in it."""
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
