"""What was probably meant by an override, an option or a key that cannot be used, and how that is written.

Other names of options and keys are in the YAML files: what a comment there gives after "elsewhere called".
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.errors import HydraException
from omegaconf import OmegaConf

from gan_experiments.config.devices import trainer_for
from gan_experiments.config.files import COMPOSE_FAILURES, INHERITED, ConfigFiles, conf_dir, own_files
from gan_experiments.config.plugins import USED, in_sweepers
from gan_experiments.config.targets import TARGET
from gan_experiments.core.text import first_line, nearest, show, show_key, suggest

if TYPE_CHECKING:
    from gan_experiments.config.overrides import Change

_ALSO = re.compile(r"#.*\belsewhere called ([\w, -]+)", re.IGNORECASE)
_KEY = re.compile(r"( *)(?:- (?:optional )?)?(\w+):")  # or a group in a defaults list

_FEW = 4  # keys that one may have been meant as
NO_SUCH_KEY = "no such key"  # what the text of an unknown key begins with
_KINDS = ("arch", "class", "kind", "name", "type")  # keys that choose an option in other programs
_CFG = "--cfg job prints the config and trains nothing"
_NOT_HERE = {  # in gan-train
    "compile": "networks are not compiled here; trainer.precision=bf16-mixed makes steps faster",
    "n_jobs": "jobs run side by side with hydra/launcher=joblib hydra.launcher.n_jobs=...",
    "num_classes": "the dataset says it; conditioning=... lets the networks learn of classes",
    "weight_decay": "+optimizer.generator.weight_decay=... and +optimizer.discriminator.weight_decay=... pass it on",
    "debug": _CFG,
    "dry_run": _CFG,
    **dict.fromkeys(("sweep.dir", "sweep_dir", "study_dir"), "the folder of a sweep is hydra.sweep.dir=..."),
}
_PARENT = re.compile(r"^defaults:\s*(?:\[|- )(\w+)", re.MULTILINE)  # the option that an option inherits from


@cache
def option_aliases(group: str) -> dict[str, str]:
    """Return the options of a group of ours by their other names, which the comment above an option's values gives."""
    aliases: dict[str, str] = {}
    for file in sorted((conf_dir() / group).glob("*.yaml")):
        lines = file.read_text(encoding="utf-8").splitlines()
        header = lines[: next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))]
        aliases |= {alias: file.stem for line in header for alias in _aliases_in(line)}
    return aliases


def options_with(group: str, key: str) -> list[str]:
    """Return the options of a group of ours whose file has a key, or inherits it, other than in a mapping."""
    named = re.compile(rf"^{re.escape(key)}:", re.MULTILINE)
    files = sorted((conf_dir() / group).glob("*.yaml"))
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}

    def has(option: str) -> bool:
        parent = _PARENT.search(text := texts.get(option, ""))
        return bool(named.search(text)) or (parent is not None and has(parent[1]))

    return [option for option in texts if option != INHERITED and has(option)]


@cache
def key_aliases(config_name: str) -> dict[str, str]:
    """Return the keys and groups of a root config of ours by their other names, from comments on their lines or below.

    Those of options that are not chosen are among them.
    """
    root = conf_dir() / f"{config_name}.yaml"
    if not root.is_file():
        return {}
    aliases: dict[str, str] = {}
    for group in sorted(own_files(config_name).groups):
        for file in sorted((conf_dir() / group).glob("*.yaml")):
            aliases |= _key_aliases_in(file, f"{group}.")
    return aliases | {alias: key.removeprefix("defaults.") for alias, key in _key_aliases_in(root).items()}


def _key_aliases_in(file: Path, parent: str = "") -> dict[str, str]:
    aliases: dict[str, str] = {}
    above: list[tuple[int, str]] = []  # the indentation and the name of each key that the line is below
    for line in file.read_text(encoding="utf-8").splitlines():
        if match := _KEY.match(line):
            above = [*((depth, name) for depth, name in above if depth < len(match[1])), (len(match[1]), match[2])]
        if above:  # else it is about the whole option
            aliases |= {alias: parent + ".".join(name for _, name in above) for alias in _aliases_in(line)}
    return aliases


def likely_keys(key: str, siblings: Sequence[str], config: Any, files: ConfigFiles | None = None) -> list[str]:
    """Return which keys, or choices of an option, are probably meant by a key that does not exist.

    That is what another of its names stands for in the ``files`` of a command, those of the same name elsewhere in
    ``config``, or the nearest one beside it, which goes first below a part of the config.
    """
    parent, _, name = key.rpartition(".")
    if name == TARGET:  # every component has one
        return []
    known = key_aliases(files.config_name).get(_plain(name)) if files else None
    known = None if known == key else known  # of an option that is not chosen
    beside = nearest(name, siblings)
    same = [other for other in _keys(config) if other.rpartition(".")[2] == name and other != key]
    elsewhere = sorted(same, key=lambda other: other.count("."))
    if parent:
        exact = known if known and known.rpartition(".")[::2] in {(parent, sibling) for sibling in siblings} else None
        return [close] if (close := exact or beside or known) else elsewhere[:_FEW]
    choices = options_called(name, files) if files and not known else []
    near = [beside] if beside else []
    return [known] if known else (choices or elsewhere or near)[:_FEW]


def options_called(word: str, files: ConfigFiles) -> list[str]:
    """Return how the options are chosen that a word names, by their own name or another."""
    name = _plain(word)
    groups = [group for group in sorted(files.groups) if not group.startswith("hydra/") or group in USED]
    known = {group: {*files.options(group), *option_aliases(group)} for group in groups}
    return [f"{group}={option_aliases(group).get(name, name)}" for group, names in known.items() if name in names]


def _plain(name: str) -> str:
    """Return a name as aliases have it: ``--use-WandB`` and ``wandb`` are one."""
    return name.lower().replace("-", "_").removeprefix("use_")


def said_otherwise(key: str, files: ConfigFiles) -> str:
    """Return what a command has in the place of a key of others, or where that lies; empty of any other key."""
    name = _plain(key)
    return (_NOT_HERE.get(name) or in_sweepers(name, conf_dir())) if "trainer" in files.groups else ""


def unknown_key(key: str, siblings: Sequence[str], config: Any, files: ConfigFiles | None = None) -> str:
    """Return what is said of a key that does not exist; arguments as for ``likely_keys``."""
    if files and (answer := said_otherwise(key, files)):
        return f"{NO_SUCH_KEY}; {answer}"
    matches = likely_keys(key, siblings, config, files)
    counted = unit(matches) if files and _plain(key.rpartition(".")[2]) in key_aliases(files.config_name) else ""
    hint = f"; did you mean {' or '.join(map(show, matches))}{counted}?" if matches else ""
    listed = [show_key(sibling) for sibling in siblings if sibling != TARGET]
    return f"{NO_SUCH_KEY}{hint}" + (f" ({', '.join(listed)})" if listed and "." in key else "")


def devices_meant(key: str, values: Sequence[str], files: ConfigFiles) -> str:
    """Return how devices are chosen that a key asks for which does not exist; empty if it does not ask for any."""
    name = _plain(key.rpartition(".")[2])
    meant = f"trainer.{name}" if name in ("accelerator", "devices") else key_aliases(files.config_name).get(name, "")
    return trainer_for(meant, values) if meant in ("trainer.accelerator", "trainer.devices") else ""


def unit(keys: Sequence[str]) -> str:
    """Return what keys are counted in, if that is images: elsewhere it may be steps, epochs or thousands."""
    counted = bool(keys) and all(key.rpartition(".")[2] in ("every", "images", "half_life", "start") for key in keys)
    return ", in images" if counted else ""


def unchosen(
    change: Change, config: Any, choices: Mapping[str, str], changes: Sequence[Change], files: ConfigFiles
) -> str:
    """Return how to choose the option of a group that a key is about, or its value names; empty if it is neither.

    Args:
        change: Of a key that does not exist.
        config: What the files and the overrides before it make.
        choices: What is chosen of each group.
        changes: All of the command line, which may make a component of the user's with the same name, or sweep.
        files: Those of the command.
    """
    group, *rest = change.key.split(".")
    if devices := devices_meant(change.key, change.values, files):
        return f"{NO_SUCH_KEY}; did you mean {devices}?"
    if len(rest) == 1 and rest[0] in _KINDS and change.values and change.values[0] in files.options(group):
        return f"{NO_SUCH_KEY}; did you mean {group}={change.values[0]}?"
    option = next((part for part in rest if group in files.groups and part in files.options(group)), None)
    chosen = [name for name in _options_in(choices.get(group, "")) if name != "none"]
    if option is None or option in chosen:
        return ""
    component = ".".join([group, *rest[: rest.index(option) + 1]])
    if OmegaConf.is_dict(OmegaConf.select(config, component)):
        return ""  # of an option that has it among others, or of a list in an experiment
    if any(other.key == f"{component}.{TARGET}" for other in changes):
        return ""
    try:
        composed = files.compose([f"{group}={option}"]).config
    except COMPOSE_FAILURES:  # which are told where it is chosen
        return ""
    if not OmegaConf.is_dict(OmegaConf.select(composed, component)):
        return ""  # this group's options are not entries of a mapping
    below = f" {change.line.lstrip('+')}" if change.key != component else ""
    swept = [value for other in changes if other.key == group for value in other.values if option in _options_in(value)]
    if swept:
        return f"only runs with {group}={swept[0]} have it; sweep it by itself: -m {group}={swept[0]}{below}"
    choice = f"[{','.join([*chosen, option])}]" if chosen else option
    return f"{option} is not chosen; to choose it: {group}={choice}{below}"


def _options_in(text: str) -> list[str]:
    """Return the options in the text of a choice: of one, or a list."""
    return re.findall(r"[^\[\],' ]+", text)


def torn_apart(before: str, word: str) -> str:
    """Return what is said of a word that the shell has torn off the override before it; empty if it has not."""
    key, equals, value = before.partition("=")
    if not equals or not value or "=" in word or word.startswith("~"):
        return ""
    if value.endswith(","):
        return f"{show(word)} has a space before it; several values have none between them: {before}{word}"
    if os.path.exists(os.path.expanduser(f"{value} {word}")) and not os.path.exists(word):
        return f"{show(word)} has a space before it, which needs quotes: {shlex.quote(f'{key}={value} {word}')}"
    return ""


def unreadable(line: str, error: HydraException, files: ConfigFiles) -> str:
    """Return what is said of an override that Hydra's grammar refuses, and how it is probably written."""
    if "=" not in line and not line.startswith("~"):
        meant = options_called(line, files) + how_to_read(line, files) + meant_by_folder(line, files)
        aliases = key_aliases(files.config_name) | {key: key for key in list(files.compose([]).config)}
        meant += [f"{aliases[_plain(line)]}=..."] if _plain(line) in aliases else []
        hint = f"; did you mean {' or '.join(meant)}?" if meant else ""
        return f"{show(line)} is not of the form key=value{hint}"
    key, _, value = line.partition("=")
    reason = first_line(error).removeprefix("LexerNoViableAltException: ")
    hint = f" ({reason})" * (reason != line)
    if any(sign in value for sign in "=:()#&; ") or not value.isascii():
        hint = f"; in quotes: \"{key}='{value}'\""
    if not key.isascii():
        hint = suggest(key, list(files.compose([]).config)) or "; keys are of ASCII letters"
    elif re.match(r"\{|\w+:", value):  # a mapping, which the shell has cut at its commas
        hint = f"; a mapping needs quotes around the whole: {shlex.quote(f'{key}={{key: value, other: value}}')}"
    elif value.startswith("["):
        hint = "; a list has no spaces, or is in quotes"
    elif value.startswith("("):
        hint = f"; a list is written {key}=[{value.strip('()')}]"
    elif value.endswith(","):
        hint = f"; without the comma at its end: {line.rstrip(',')}"
    elif re.search(r"\s[\w./@+~]+=", value):
        hint = "; each override is a word of its own, not all of them in one pair of quotes"
    return f"{show(line)} cannot be read{hint}"


def how_to_read(path: str, files: ConfigFiles, group: str = "") -> list[str]:
    """Return the flags with which a YAML file of the user's is read, an option of a group or a root config.

    Args:
        path: Of the file; of an option of ``group`` the name is enough if it lies in a folder of that name, here or in
            a folder that lies here.
        files: Those of the command.
        group: What the option has been chosen of, if it has.
    """
    if not re.fullmatch(r"[\w./-]{1,200}", path):
        return []
    file, name = Path(path), Path(path).name.removesuffix(".yaml")
    own = [folder / group / f"{name}.yaml" for folder in (Path(), *sorted(Path().glob("*/")))] if group else []
    file = next(filter(os.path.isfile, own), file)
    if file.suffix != ".yaml" or (file.parent.name != group and group not in ("", "experiment")):
        return []
    if file.parent.name in files.groups:
        return [f"--config-dir {file.parent.parent} {file.parent.name}={name}"]
    return [f"--config-dir {file.parent} --config-name {name}"]


def meant_by_folder(path: str, files: ConfigFiles) -> list[str]:
    """Return what a folder or archive alone may be meant as, of images or a run; nothing if it is neither."""
    if "dataset" in files.groups and path.lower().endswith(".zip"):
        return [f"dataset=image_archive {shlex.quote(f'dataset.path={path}')}"]
    if not os.path.isdir(path) and not ("dataset" in files.groups and path.startswith(("/", "./", "../"))):
        return []
    if "dataset" in files.groups and not os.path.exists(f"{path}/config.yaml"):
        return [f"dataset=image_folder {shlex.quote(f'dataset.root={path}')}"]
    keys = list(files.compose([]).config)
    return [shlex.quote(f"{key}={path}") for key in ("run", "study", "resume") if key in keys]


def _keys(value: Any, path: str = "") -> Iterator[str]:
    for key, item in value.items() if isinstance(value, Mapping) else ():
        yield f"{path}{key}"
        yield from _keys(item, f"{path}{key}.")


def _aliases_in(line: str) -> list[str]:
    match = _ALSO.search(line)
    return [alias.strip().lower().replace("-", "_") for alias in match[1].split(",")] if match else []
