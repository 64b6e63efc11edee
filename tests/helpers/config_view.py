"""Configs as the rules of components read them, with classes in the place of their dotted paths."""

from gan_experiments.core.checks import ConfigView


def config_view(config, refused=()):
    """Return a view of a nested dictionary in which ``_target_`` is a class."""
    return ConfigView(config, dict(_components(config)), frozenset(refused))


def problems(config, key, refused=()):
    """Ask the component at ``key`` for its problems: lines of key and text, without warnings."""
    return [str(problem) for problem in _ask(config, key, refused) if not problem.warning]


def warnings(config, key, refused=()):
    """Ask the component at ``key`` for its warnings: lines of key and text."""
    return [str(problem) for problem in _ask(config, key, refused) if problem.warning]


def _ask(config, key, refused):
    view = config_view(config, refused)
    component = view.component(key)
    options = {name: value for name, value in view.get(key).items() if name != "_target_"}
    return list(component.check(key, options, view))


def _components(config, path=""):
    for name, value in config.items():
        if isinstance(value, dict):
            key = f"{path}.{name}" if path else name
            if "_target_" in value:
                yield key, value["_target_"]
            yield from _components(value, key)
