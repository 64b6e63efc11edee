"""Configs of ``gan-train`` put together from what Hydra made of the defaults, where the files of options allow it.

Most tests choose options that fill the mapping of their group and touch nothing else. For those Hydra reads a config
again of which all but that mapping is known, in a twentieth of a second, and that is most of what such a test takes.
``tests/config/test_schema.py`` composes every option with Hydra itself, and compares.
"""

import pickle
import re

from omegaconf import OmegaConf, flag_override

from gan_experiments.config.files import Composition, ConfigFiles, conf_dir, own_files

ORIGINAL = ConfigFiles.compose
CHOICE = re.compile(r"(\w+)=(\w+|\[\w+(?:,\w+)*\])")
_known = {}


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
    chosen = dict(match.groups() for line in lines if (match := CHOICE.fullmatch(line)))
    names = {group: value.strip("[]").split(",") for group, value in chosen.items()}
    simple = all(group in files.groups and _is_simple(group, name) for group in names for name in names[group])
    if len(chosen) < len(lines) or not simple:
        return None
    if "defaults" not in _known:
        _known["defaults"] = pickle.dumps(tuple(ORIGINAL(files, [])))
    config, hydra = pickle.loads(_known["defaults"])
    for group in chosen:
        layers = [layer for name in names[group] for layer in _layers(group, name)]
        config[group] = OmegaConf.unsafe_merge({}, *layers)
        hydra.runtime.choices[group] = chosen[group]
    with flag_override(hydra, "struct", False):
        for group in [group for group, value in chosen.items() if value.startswith("[")]:
            del hydra.runtime.choices[group]  # as Hydra does with several options
    hydra.overrides.task = list(lines)
    hydra.job.override_dirname = ",".join(sorted(lines))
    return Composition(config, hydra)


def _read(group, name):
    with open(conf_dir() / group / f"{name}.yaml", encoding="utf-8") as file:
        return OmegaConf.load(file)


def _is_simple(group, name):
    """Tell whether a file has no other package than its group, and inherits from that group alone."""
    if (group, name) not in _known:
        file = conf_dir() / group / f"{name}.yaml"
        _known[group, name] = file.is_file() and "@package" not in file.read_text(encoding="utf-8")
        if _known[group, name]:
            inherited = [each for each in _read(group, name).get("defaults", []) if each != "_self_"]
            _known[group, name] = all(isinstance(each, str) and _is_simple(group, each) for each in inherited)
    return _known[group, name]


def _layers(group, name):
    """Yield what an option inherits, and itself, in the order in which Hydra merges them."""
    content = _read(group, name)
    for each in [*content.pop("defaults", [])]:
        if each != "_self_":
            yield from _layers(group, each)
    yield content
