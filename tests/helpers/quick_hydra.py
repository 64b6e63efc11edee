"""Hydra that parses an override once and composes and copies in two thirds of the time: the tests compose often.

``tests/config/test_files.py`` compares with Hydra.
"""

from collections import defaultdict
from copy import deepcopy
from functools import cache
from typing import Any

from hydra import version
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import UnionNode, ValueNode, _utils
from omegaconf.base import Box, Container, Metadata, Node

ORIGINALS = [
    (OverridesParser, "parse_rule"),
    (version, "_get_version"),
    (Box, "_re_parent"),
    (Container, "_invalidate_flags_cache"),
    (ValueNode, "__init__"),
    (_utils, "is_attr_class"),
    (_utils, "is_dataclass"),
]
ORIGINALS = {name: (owner, getattr(owner, name)) for owner, name in ORIGINALS}
PLAIN = {str, int, float, bool, type(None), dict, list}
_known = {}


def make_quick():
    """Let Hydra be quick until this process ends."""
    Metadata.__deepcopy__ = _copied
    OverridesParser.parse_rule = _parse_rule
    version._get_version = cache(version._get_version)
    Box._re_parent = _re_parent
    Container._invalidate_flags_cache = _forget_flags
    ValueNode.__init__ = _begin
    _utils.is_attr_class = lambda value: not _is_plain(value) and _original("is_attr_class")(value)
    _utils.is_dataclass = lambda value: not _is_plain(value) and _original("is_dataclass")(value)


def make_as_it_was(monkeypatch):
    """Let Hydra be as slow as it is until the end of a test."""
    monkeypatch.delattr(Metadata, "__deepcopy__")
    for name, (owner, function) in ORIGINALS.items():
        monkeypatch.setattr(owner, name, function)


def _original(name):
    return ORIGINALS[name][1]


def _parse_rule(parser, text, rule):
    if (text, rule) not in _known:
        _known[text, rule] = _original("parse_rule")(parser, text, rule)
    return deepcopy(_known[text, rule])


def _copied(metadata, memo):
    """Copy what OmegaConf knows of a value, which it does once for each value: types and a key, which need no copy."""
    copied = object.__new__(type(metadata))
    cache = metadata.resolver_cache
    parts = {"flags": deepcopy(metadata.flags), "resolver_cache": deepcopy(cache, memo) if cache else defaultdict(dict)}
    copied.__dict__.update({**vars(metadata), **parts})
    return copied


def _is_plain(value):
    """Tell whether this is a value of YAML, or stands for all: OmegaConf asks of each whether it is a class."""
    return type(value) in PLAIN or value is Any


def _re_parent(box):
    """Let all below know their parent again: as OmegaConf does, which imports classes for each of them."""
    content = vars(box)["_content"]
    if isinstance(box, UnionNode):
        _original("_re_parent")(box)
    elif isinstance(content, (dict, list)):
        for value in content.values() if isinstance(content, dict) else content:
            if value is not None:
                value._set_parent(box)
            if isinstance(value, Box):
                value._re_parent()


def _forget_flags(container):
    """Let all below ask their parents for flags again: as OmegaConf does, which imports classes for each of them."""
    parts = vars(container)
    if parts["_flags_cache"] is not None:
        parts["_flags_cache"] = None
        content = parts["_content"]
        if isinstance(content, (dict, list)):
            for value in content.values() if isinstance(content, dict) else content:
                value._invalidate_flags_cache()


def _begin(node, parent, value, metadata):
    """Begin as a node of a value, which may be set now even where it may not later, as OmegaConf does."""
    Node.__init__(node, parent=parent, metadata=metadata)
    flags, parts = metadata.flags, vars(node)
    before = flags.get("readonly")
    flags["readonly"], parts["_flags_cache"] = False, None
    try:
        node._set_value(value)
    finally:
        parts["_flags_cache"] = None
        if before is None:
            del flags["readonly"]
        else:
            flags["readonly"] = before
