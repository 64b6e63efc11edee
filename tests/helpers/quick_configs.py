"""Configs of ``gan-train`` put together from what Hydra made of the defaults, where the files of options allow it.

Most tests choose options that fill the mapping of their group, or merge values into the root, or choose options of
other groups. For those Hydra would read a config again of which the most is known, in a twentieth of a second, and
that is half of what such a test takes. ``tests/config/test_schema.py`` compares with Hydra for each option.
"""

import pickle
import re
from functools import cache
from typing import NamedTuple

from omegaconf import OmegaConf, flag_override

from gan_experiments.config.files import Composition, ConfigFiles, conf_dir, own_files

ORIGINAL = ConfigFiles.compose
CHOICE = re.compile(r"(\w+)=(\w+|\[\w+(?:,\w+)*\])")
OVERRIDE = re.compile(r"override /(\w+)(?:@_global_\.\1)?")
_known = {}


class File(NamedTuple):
    """What an option's file merges into its group or the root, what it inherits and what it chooses elsewhere."""

    of_root: bool
    layers: tuple
    choices: tuple


def make_quick():
    """Compose so until this process ends."""

    def compose(files, overrides, *run_mode):
        if run_mode or files is not own_files("train") or not overrides:
            return ORIGINAL(files, overrides, *run_mode)
        lines = tuple(overrides)
        if lines not in _known:
            _known[lines] = put_together(files, lines) or ORIGINAL(files, overrides)
        return _known[lines]

    ConfigFiles.compose = compose


def put_together(files, lines):
    """Return the config of these choices; ``None`` if they are not that simple."""
    if (chosen := all_chosen(files, lines)) is None:
        return None
    if "defaults" not in _known:
        defaults = ORIGINAL(files, [])
        _known["defaults"] = pickle.dumps((defaults.config, defaults.hydra))
    config, hydra = pickle.loads(_known["defaults"])
    choose(config, hydra, chosen)
    hydra.overrides.task = list(lines)
    hydra.job.override_dirname = ",".join(sorted(lines))
    return Composition(config, hydra)


def all_chosen(files, lines):
    """Return what these lines choose, by group; ``None`` if it is not that simple."""
    given = dict(match.groups() for line in lines if (match := CHOICE.fullmatch(line)))
    chosen = None if len(given) < len(lines) else chosen_with(given)
    return None if chosen is None or not chosen.keys() <= files.groups else chosen


def choose(config, hydra, chosen):
    """Choose other options in the config of the defaults, and in Hydra's node of it."""
    flags = ["struct", "no_deepcopy_set_nodes"]  # what is set here has been copied
    with flag_override(config, flags, [False, True]), flag_override(hydra, "struct", False):
        of_root = []
        for group in [group for group in reversed(list(hydra.runtime.choices)) if group in chosen]:
            options = [_file(group, name) for name in chosen[group].strip("[]").split(",")]
            layers = [layer for option in options for layer in option.layers]
            if options[0].of_root:
                of_root += layers
            else:
                config[group] = OmegaConf.merge({}, *layers)
            hydra.runtime.choices[group] = chosen[group]
            if chosen[group].startswith("["):
                del hydra.runtime.choices[group]  # as Hydra does with several options
        config.merge_with(*of_root)


def chosen_with(given):
    """Return what is chosen of which group, with what those options choose; ``None`` if it is not that simple."""
    chosen, groups = dict(given), list(given)
    for group in groups:
        options = [_file(group, name) for name in chosen[group].strip("[]").split(",")]
        if None in options or len({option.of_root for option in options}) > 1:
            return None
        for other, value in [choice for option in options for choice in option.choices if choice[0] not in given]:
            if other in chosen:
                return None  # by two of them
            chosen[other] = value
            groups.append(other)
    return chosen


@cache
def _file(group, name):
    """Read the file of an option with those that it inherits; ``None`` if it has parts that are not foreseen here."""
    path = conf_dir() / group / f"{name}.yaml"
    packages = re.findall(r"@package (\S+)", path.read_text(encoding="utf-8")) if path.is_file() else None
    if packages not in ([], ["_global_"]):
        return None
    with path.open(encoding="utf-8") as file:
        content = OmegaConf.load(file)
    defaults, layers, choices = list(content.pop("defaults", [])), [], []
    for each in [each for each in defaults if each != "_self_"]:
        key, value = (each, None) if isinstance(each, str) else next(iter(each.items()))
        if isinstance(each, str):
            if (inherited := _file(group, each)) is None or inherited.of_root != bool(packages):
                return None
            layers += inherited.layers
            choices += inherited.choices
        elif match := OVERRIDE.fullmatch(key):
            choices.append((match[1], value if isinstance(value, str) else f"[{','.join(value)}]"))
        else:
            return None
    own = [each for each in defaults if isinstance(each, str)]
    if "hydra" in content or "_self_" in own[:-1]:
        return None
    return File(bool(packages), (*layers, content), tuple(choices))
