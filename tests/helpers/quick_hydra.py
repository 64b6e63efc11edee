"""Hydra that parses an override once and copies configs in half the time: the tests compose thousands of times."""

from collections import defaultdict
from copy import deepcopy

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf.base import Metadata

ORIGINAL = OverridesParser.parse_rule
_known = {}


def make_quick():
    """Let Hydra be quick until this process ends."""

    def parse_rule(parser, text, rule):
        if (text, rule) not in _known:
            _known[text, rule] = ORIGINAL(parser, text, rule)
        return deepcopy(_known[text, rule])

    OverridesParser.parse_rule = parse_rule
    Metadata.__deepcopy__ = _copied


def _copied(metadata, memo):
    """Copy what OmegaConf knows of a value, which it does once for each value: types and a key, which need no copy."""
    copied = object.__new__(type(metadata))
    cache = metadata.resolver_cache
    parts = {"flags": deepcopy(metadata.flags), "resolver_cache": deepcopy(cache, memo) if cache else defaultdict(dict)}
    copied.__dict__.update({**vars(metadata), **parts})
    return copied
