"""Hydra that parses each override once, of which the tests compose thousands."""

from copy import deepcopy

from hydra.core.override_parser.overrides_parser import OverridesParser

ORIGINALS = [(OverridesParser, "parse_rule", OverridesParser.parse_rule)]
_known = {}


def make_quick():
    """Let Hydra be quick until this process ends."""
    ((*_, parse),) = ORIGINALS

    def parse_rule(parser, text, rule):
        if (text, rule) not in _known:
            _known[text, rule] = parse(parser, text, rule)
        return deepcopy(_known[text, rule])

    OverridesParser.parse_rule = parse_rule
