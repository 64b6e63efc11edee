"""Hydra that reads its own files and ours once, parses an override once and copies configs in half the time.

The tests compose thousands of times.

Files that tests write are read each time.
"""

import pickle
from collections import defaultdict
from copy import deepcopy
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from omegaconf.base import Metadata

from gan_experiments.config.files import conf_dir

FIXED = (f"{conf_dir().resolve()}/", f"{Path(hydra.__file__).resolve().parent}/")
ORIGINALS = [
    (owner, name, vars(owner)[name])
    for owner, name in ((OverridesParser, "parse_rule"), (OmegaConf, "load"), (ConfigStore, "load"))
]
_known = {}


def make_quick():
    """Let Hydra be quick until this process ends."""
    (*_, parse), (*_, read), (*_, stored) = ORIGINALS

    def parse_rule(parser, text, rule):
        if (text, rule) not in _known:
            _known[text, rule] = parse(parser, text, rule)
        return deepcopy(_known[text, rule])

    def load(file_):
        name = str(getattr(file_, "name", ""))
        return _again(name, read, file_) if name.startswith(FIXED) else read(file_)

    def load_stored(store, config_path):
        return _again(config_path, stored, store, config_path)

    OverridesParser.parse_rule = parse_rule
    OmegaConf.load = staticmethod(load)
    ConfigStore.load = load_stored
    ConfigStore.__deepcopy__ = lambda store, _: store  # each composition copies all that is stored, and changes none
    Metadata.__deepcopy__ = _copied


def _copied(metadata, memo):
    """Copy what OmegaConf knows of a value, which it does once for each value: types and a key, which need no copy."""
    copied = object.__new__(type(metadata))
    cache = metadata.resolver_cache
    parts = {"flags": deepcopy(metadata.flags), "resolver_cache": deepcopy(cache, memo) if cache else defaultdict(dict)}
    copied.__dict__.update({**vars(metadata), **parts})
    return copied


def _again(key, read, *arguments):
    """Return what ``read`` returned for ``key``, a copy each time; from a pickle, as ``deepcopy`` takes longer."""
    if key not in _known:
        _known[key] = pickle.dumps(read(*arguments))
    return pickle.loads(_known[key])
