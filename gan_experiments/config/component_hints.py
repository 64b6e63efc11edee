"""How a component is chosen by its class, where the class or a ``_target_`` was given in another place or way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from gan_experiments.config.files import ConfigFiles, conf_dir
from gan_experiments.config.suggestions import NO_SUCH_KEY, options_called, options_with
from gan_experiments.config.targets import TARGET, to_trust
from gan_experiments.core.text import nearest, show

_CLASS = re.compile(r"([A-Za-z_]\w*\.)+[A-Z]\w*")  # a class by its module
_FEW = 4  # keys of an option in whose place a class alone can be given
_MOST = 4  # components that are named
_TARGET_WORDS = ("class", "cls", "target")  # of other programs


def added_component(key: str, target: Any, trusted: Sequence[str] = ()) -> str:
    """Return the overrides that add a component of a class to a mapping of several, at ``key``."""
    return f"+{key}.{_name(target)}.{TARGET}={target}{_trust(target, trusted)}"


def misplaced_class(key: str, node: Mapping[Any, Any], target: Any, trusted: Sequence[str] = ()) -> str:
    """Return how a class is given for what is in a mapping that is no component: several, a section with some, or none.

    Args:
        key: Of the mapping, which may be empty.
        node: The mapping; a ``_target_`` in it does not count.
        target: The class that was given for the mapping itself.
        trusted: Packages that are trusted already.
    """
    parts = {name: part for name, part in node.items() if name != TARGET}
    inner = [name for name, part in parts.items() if isinstance(part, Mapping) and TARGET in part]
    if len(inner) == len(parts):
        new = added_component(key, target, trusted)
        in_file = f"in a file, a line '{_name(target)}:' above the indented class"
        return f"several components can be here, each below a name of its own: {new} ({in_file})"
    if inner:
        lines = " or ".join(f"{key}.{name}.{TARGET}={target}" for name in inner)
        return f"{key} is no component, but holds some; did you mean {lines}{_trust(target, trusted)}?"
    return f"{key} is no component: it has no class, but values ({', '.join(map(str, parts))})"


def unknown_target(key: str, target: str, config: Any, files: ConfigFiles, trusted: Sequence[str] = ()) -> str:
    """Return what is said of a ``_target_`` that was given, without a plus, where there is none to replace.

    Args:
        key: The dotted key, ``_target_`` included.
        target: The class that was given.
        config: What the files and the overrides before it make.
        files: Those of the command.
        trusted: Packages that are trusted already.
    """
    parent = key.rpartition(".")[0]
    plain: Any = OmegaConf.to_container(config, resolve=False)
    components = _components(plain)
    node = _node_at(parent, config, files) if parent else None
    if OmegaConf.is_dict(node):
        return f"{NO_SUCH_KEY}; {misplaced_class(parent, OmegaConf.to_container(node, resolve=False), target, trusted)}"  # type: ignore[arg-type]
    if "." in parent or parent in plain:
        return f"{NO_SUCH_KEY}; to add a component: +{key}={target}{_trust(target, trusted)}"
    if parent in files.groups:
        return f"{NO_SUCH_KEY}; it is chosen by name, {parent}=NAME ({', '.join(files.options(parent))})"
    same = [other for other in components if parent and other.rpartition(".")[2] == parent]
    near = nearest(parent, components)
    meant = same[:_MOST] or ([near] if near else [])
    lines = " or ".join(f"{other}.{TARGET}={target}" for other in meant)
    hint = f"; did you mean {lines}{_trust(target, trusted)}?" if meant else ""
    return f"{NO_SUCH_KEY}{hint or f'; it belongs to a component, as in loss.{TARGET}={target}'}"


def given_otherwise(key: str, value: str, above: Any, files: ConfigFiles, trusted: Sequence[str] = ()) -> str:
    """Return how a class is given, of which an override has another idea; empty if it has none.

    That is a class in the place of a component, one below ``class``, or the name of an option as a ``_target_``.

    Args:
        key: The dotted key.
        value: What it is set to.
        above: The mapping that ``key`` is in, or ``None``.
        files: Those of the command.
        trusted: Packages that are trusted already.
    """
    parent, _, last = key.rpartition(".")
    if last == TARGET:
        options = options_called(value, files) if "." not in value else []
        options = [each for each in options if each.startswith(f"{parent}=")]
        if options:
            return f"{show(value)} is the name of an option; did you mean {options[0]}?"
        path = _own_classes().get(value)
        return f"{show(value)} is a class without its module; did you mean {key}={path}?" if path else ""
    if not OmegaConf.is_dict(above) or not _CLASS.fullmatch(value):
        return ""
    if last.strip("_") in _TARGET_WORDS and TARGET in above and last not in above:
        return f"{NO_SUCH_KEY}; did you mean {parent}.{TARGET}={value}{_trust(value, trusted)}?"
    node = OmegaConf.select(above, last)
    if OmegaConf.is_dict(node) and TARGET in node:
        return f"the class of a component is given as {key}.{TARGET}={value}{_trust(value, trusted)}"
    return ""


def meant_by_class(path: str, group: str, files: ConfigFiles) -> list[str]:
    """Return how a component is chosen whose class was given in the place of an option of a group.

    Nothing where that needs more than a class: where the chosen option has many keys, as a dataset has.
    """
    if not _CLASS.fullmatch(path):
        return []
    node: Any = OmegaConf.select(files.compose([]).config, group)
    if not OmegaConf.is_dict(node):
        return []
    inner = [f"{group}.{name}.{TARGET}={path}" for name, each in node.items() if _is_component(each)]
    if TARGET in node:
        deleted = "".join(f" ~{group}.{key}" for key in node if key != TARGET)
        return [f"{group}.{TARGET}={path}{deleted}{_trust(path)}"] if len(node) <= _FEW else []
    if len(inner) == len(node):
        return [added_component(group, path)]
    return [" ".join(inner) + _trust(path)] if inner else []


def _node_at(key: str, config: Any, files: ConfigFiles) -> Any:
    """Return what a config has at a key, or an option of a group that has it; ``None`` if none of them does."""
    node = OmegaConf.select(config, key)
    group, _, last = key.partition(".")
    if node is None and (owners := options_with(group, last)):
        node = OmegaConf.select(files.compose([f"{group}={owners[0]}"]).config, key)
    return node


@cache
def _own_classes() -> dict[str, str]:
    """Return the paths of the classes that the files of ours name, by their last names."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(conf_dir().rglob("*.yaml"))]
    paths = [path for text in texts for path in re.findall(rf"^ *{TARGET}: (gan_experiments\.\S+)", text, re.MULTILINE)]
    return {path.rpartition(".")[2]: path for path in paths}


def _name(target: Any) -> str:
    """Return what a component of a class may be called."""
    name = str(target).rpartition(".")[2].lower()
    return name if name.isidentifier() else "mine"


def _trust(target: Any, trusted: Sequence[str] = ()) -> str:
    """Return the override, after a space, that lets a config name a class; empty if it may, or never can."""
    packages = to_trust(str(target), trusted)
    return f" trusted=[{','.join(packages)}]" if packages else ""


def _is_component(node: Any) -> bool:
    return OmegaConf.is_dict(node) and TARGET in node


def _components(node: Any, path: str = "") -> list[str]:
    """Return the dotted keys of the components in a plain config, and of those in them."""
    own = [path] if path and isinstance(node, Mapping) and TARGET in node else []
    for key, item in node.items() if isinstance(node, Mapping) else ():
        own += _components(item, f"{path}.{key}" if path else str(key))
    return own
