"""Hydra without half of its time per composition, of which the tests make thousands: what it does again for each.

It reads all files again, its own as well, parses the same overrides again, and makes tables of choices that only a few
lists of defaults look into. Files that tests write are read each time.
"""

from copy import copy, deepcopy
from dataclasses import replace

from hydra._internal import defaults_list
from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser

from gan_experiments.config.files import conf_dir

FIXED = ("pkg://hydra.conf", f"file://{conf_dir()}", "structured://")


ORIGINALS = [
    (owner, name, getattr(owner, name))
    for owner, name in (
        (ConfigRepository, "load_config"),
        (defaults_list, "_create_interpolation_map"),
        (OverridesParser, "parse_rule"),
    )
]
_known = {}


def make_quick():
    """Let Hydra be quick until this process ends."""
    (*_, load), (*_, table), (*_, parse) = ORIGINALS

    def load_config(repository, config_path):
        source = repository._find_object_source(config_path, ObjectType.CONFIG)
        if source is None or not source.full_path().startswith(FIXED):
            return load(repository, config_path)
        key = (source.full_path(), config_path)
        if key not in _known:
            _known[key] = load(repository, config_path)
        return replace(_known[key], config=deepcopy(_known[key].config))

    def table_of_choices(overrides, defaults, self_added):
        if any(default.is_interpolation() for default in defaults):
            return table(overrides, defaults, self_added)
        return None

    def parse_rule(parser, text, rule):
        if (text, rule) not in _known:
            _known[text, rule] = parse(parser, text, rule)
        return deepcopy(_known[text, rule])

    OverridesParser.parse_rule = parse_rule
    ConfigRepository.load_config = load_config
    ConfigRepository.__deepcopy__ = lambda repository, _: copy(repository)  # whose list of sources is never changed
    defaults_list._create_interpolation_map = table_of_choices
