"""Hydra's loader of our configs, which reads files again only where others are chosen.

A sweep composes the config of each job, often several times, and a folder of the user's is read after ours. For each of
these Hydra would put together for a tenth of a second what it has put together before, to set a few values in it.
``tests/config/test_files.py`` compares with Hydra.
"""

import os
import pickle
from functools import cache
from pathlib import Path

import quick_configs
from hydra.conf import ConfigSourceInfo
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobRuntime
from hydra.errors import HydraException
from omegaconf import OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from gan_experiments.config import files

ORIGINAL = files._loader
_our_loader = cache(lambda: ORIGINAL(None))


def make_quick():
    """Let the loaders of all commands be quick until this process ends."""

    hydras = type(ORIGINAL(None))

    class QuickLoader(hydras):
        def load_configuration(self, config_name, overrides, run_mode, *options, **others):
            left = options or others or (self.folder and _has_files_called_as_ours(self.folder))
            config = None if left else composed(self, config_name, overrides, run_mode)
            if config is None:
                return super().load_configuration(config_name, overrides, run_mode, *options, **others)
            return config

        def __reduce__(self):  # launchers send it to processes that do not know this module
            own = ("folder", "quick_options")
            return object.__new__, (hydras,), {key: each for key, each in vars(self).items() if key not in own}

    def loader(folder):
        made = ORIGINAL(folder)
        made.folder, made.__class__ = folder, QuickLoader
        return made

    files._loader = loader


def composed(loader, config_name, overrides, run_mode):
    """Return what Hydra would make of these overrides; ``None`` if they are not that simple."""
    try:
        parsed = OverridesParser.create().parse_overrides(overrides)
        values = [override for override in parsed if _is_value(override, loader)]
        choices = tuple(override.input_line for override in parsed if override not in values)
        if not all(_is_choice_of_ours(override) for override in parsed if override not in values):
            return None
        config = _with_choices(config_name, choices, run_mode)
        if not all(_is_applied(override, config) for override in values):
            return None
    except (HydraException, OmegaConfBaseException):
        return None  # Hydra says what is wrong
    own = [override.input_line for override in parsed if not override.is_hydra_override()]
    hydra = config.hydra
    with flag_override(hydra, "struct", False):
        hydra.overrides.task = own
        hydra.overrides.hydra = [override.input_line for override in parsed if override.is_hydra_override()]
        hydra.job.override_dirname = ",".join(sorted(own))
        hydra.runtime.cwd = os.getcwd()
        hydra.runtime.config_sources = [
            ConfigSourceInfo(path=source.path, schema=source.scheme(), provider=source.provider)
            for source in loader.get_sources()
        ]
    return config


def _is_applied(override, config):
    """Set or delete a value as an override says, unless Hydra would refuse it; tells which."""
    key, new = override.key_or_group, override.is_add() or override.is_force_add()
    if (override.is_add() or override.is_delete()) and (OmegaConf.select(config, key) is None) == override.is_delete():
        return False
    if override.is_delete():
        parent, _, last = key.rpartition(".")
        with flag_override(config, "struct", False):
            del (OmegaConf.select(config, parent) if parent else config)[last]
    else:
        OmegaConf.update(config, key, override.value(), force_add=new)
    return True


def _with_choices(config_name, choices, run_mode):
    """Return the config of these choices, our own put together from the defaults where they are that simple."""
    name = JobRuntime.instance().get("name")
    own = [line for line in choices if not line.startswith("hydra")]
    chosen = quick_configs.all_chosen(files.own_files("train"), own) if own and config_name == "train" else None
    if chosen is None:
        return pickle.loads(_base(config_name, choices, run_mode, name))
    hydras = tuple(line for line in choices if line.startswith("hydra"))
    config = pickle.loads(_base(config_name, hydras, run_mode, name))
    quick_configs.choose(config, config.hydra, chosen)
    return config


def _has_files_called_as_ours(folder):
    """Tell whether a folder of the user's has files of which it is the question whether Hydra reads those or ours."""
    own = [Path(path, name).relative_to(folder) for path, _, names in os.walk(folder) for name in names]
    return any(path.parts[0] == "hydra" or (files.conf_dir() / path).exists() for path in own)


def _is_value(override, loader):
    """Tell whether an override sets or deletes a value, whatever is chosen."""
    key = override.key_or_group
    others = (override.is_sweep_override(), override.package, override.is_delete() and override.value() is not None)
    if any(others) or "/" in key or key.startswith(("hydra.job.", "hydra.searchpath")):
        return False
    return not _options(loader, key)


def _options(loader, group):
    return vars(loader).setdefault("quick_options", cache(loader.get_group_options))(group)


def _is_choice_of_ours(override):
    """Tell whether an override chooses options of ours or Hydra's, or what a job is called."""
    key, value = override.key_or_group, override.value()
    chosen = value if isinstance(value, list) else [value]
    if override.input_line.startswith(("+", "~")) or key.startswith(("hydra.job.env", "hydra.searchpath")):
        return False
    known = _options(_our_loader(), key)
    return key.startswith("hydra.job.") or all(isinstance(each, str) and each in known for each in chosen)


@cache
def _base(config_name, choices, run_mode, _):
    loader = _our_loader()
    return pickle.dumps(loader.load_configuration(config_name, list(choices), run_mode))
