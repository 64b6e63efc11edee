"""Holds a composed config against its schema: root values first, then every component against its class and rules.

``check_values`` needs no torch. ``check_config`` imports the classes that the config names, if the allow-list lets it.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from gan_experiments.config.signatures import Parameter, item_of, members, plain, signature_of, spelling_hint
from gan_experiments.config.slots import bases_of, expected, slot_of
from gan_experiments.config.targets import TARGET, RefusedTargetError, find_class
from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.text import nearest, show

_CHECK = ["key", "options", "config"]  # what a method of a component named ``check`` takes, if it is about its config
_MODEL = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


@dataclass
class Checked:
    """What a check has found out about a config.

    Attributes:
        config: Plain containers with interpolations resolved.
        problems: What is wrong, each thing once.
        components: The class of every component, by its dotted key.
    """

    config: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    components: dict[str, type] = field(default_factory=dict)

    @property
    def errors(self) -> list[Problem]:
        """Problems because of which the config cannot be run."""
        return [problem for problem in self.problems if not problem.warning]

    @property
    def warnings(self) -> list[str]:
        """What can be run, but is probably unintended, a line each."""
        return [str(problem) for problem in self.problems if problem.warning]


class _Refused:
    """Stands for a value that is a problem already."""


REFUSED = _Refused()


def check_values(config: DictConfig, schema: type) -> Checked:
    """Hold the root's own values against the dataclass ``schema``; components are not looked into, nor imported."""
    return _check(config, schema, None)


def check_config(config: DictConfig, schema: type, trusted: Sequence[str] = ()) -> Checked:
    """Hold a config against ``schema``, each component in it against its constructor, and ask each for its rules.

    Args:
        config: As composed, without Hydra's own node.
        schema: The dataclass of the command.
        trusted: Packages beside the allowed ones that may be named as ``_target_``: the command line says which,
            whatever the config says.
    """
    return _check(config, schema, trusted)


def _check(config: DictConfig, schema: type, trusted: Sequence[str] | None) -> Checked:
    found = Checked({})
    try:
        found.config = resolved(config, "", found.problems)
        walk = _Walk(found, trusted)
        walk.arguments(found.config, schema, "")
        if trusted is not None:
            walk.rules(schema)
    except RecursionError:
        found.problems = [Problem("", "the config is nested too deeply")]
    found.problems = list(dict.fromkeys(found.problems))
    return found


def resolved(node: DictConfig | ListConfig, path: str, problems: list[Problem]) -> Any:
    """Return plain containers with every interpolation resolved, one by one, so that all that fail are found."""
    named = isinstance(node, DictConfig)
    keys: Any = list(node.keys()) if isinstance(node, DictConfig) else range(len(node))
    values = []
    for key in keys:
        at = _join(path, key) if named else f"{path}[{key}]"
        if OmegaConf.is_missing(node, key):
            problems.append(Problem(at, "missing: it has no default", missing=True))
            values.append(REFUSED)
            continue
        try:
            value = node[key]
            values.append(resolved(value, at, problems) if isinstance(value, (DictConfig, ListConfig)) else value)
        except (OmegaConfBaseException, ValueError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            problems.append(Problem(at, f"cannot be resolved: {reason[0]}"))
            values.append(REFUSED)
    return dict(zip(keys, values, strict=True)) if named else values


def unknown_key(key: str, siblings: Sequence[str], config: Any) -> str:
    """Return what is said of a key that does not exist: the nearest one beside it, or elsewhere in ``config``."""
    parent, _, name = key.rpartition(".")
    close = nearest(name, siblings)
    elsewhere = [other for other in _keys(config) if other.rpartition(".")[2] == name and other != key]
    matches = [close] if close else elsewhere[:3]
    hint = f"; did you mean {' or '.join(map(repr, matches))}?" if matches else ""
    listed = [sibling for sibling in siblings if sibling != TARGET]
    return f"no such key{hint}" + (f" ({', '.join(listed) or 'it takes none'})" if parent else "")


class _Walk:
    """Goes through a config and gathers problems; ``trusted`` is ``None`` where no class is to be imported."""

    def __init__(self, found: Checked, trusted: Sequence[str] | None) -> None:
        self._found = found
        self._trusted = trusted
        self._sections: dict[str, type] = {}

    def arguments(
        self, values: Mapping[Any, Any], cls: type, path: str, provided: Sequence[str] = (), limits: type | None = None
    ) -> None:
        """Check keys and values against what the constructor of ``cls`` accepts."""
        signature = signature_of(cls)
        stricter = signature_of(limits).parameters if limits else {}
        parameters = {
            name: each._replace(annotation=stricter[name].annotation) if name in stricter else each
            for name, each in signature.parameters.items()
            if name not in provided
        }
        leaves, walked = {}, set()
        for key, value in values.items():
            if key in provided:
                self._refuse(_join(path, key), "is given by the program; a config cannot set it")
            elif _is_magic(key):
                self._refuse(_join(path, key), f"is not used here: of such keys there is only {TARGET}")
            elif key in parameters and _is_walked(value, parameters[key].annotation):
                walked.add(key)
                self.value(value, parameters[key].annotation, _join(path, key))
            elif key not in parameters and signature.open:
                self.value(value, Any, _join(path, key))
            else:
                leaves[key] = value
        self._leaves(leaves, {name: each for name, each in parameters.items() if name not in walked}, path)

    def value(self, value: Any, annotation: Any, path: str) -> None:
        """Check a component, a section, or a container of such."""
        section = next((member for member in members(annotation) if dataclasses.is_dataclass(member)), None)
        if isinstance(value, Mapping) and TARGET in value:
            self._component(value, annotation, path)
        elif isinstance(section, type) and isinstance(value, Mapping):
            self._sections[path] = section
            self.arguments(value, section, path)
        elif isinstance(value, Mapping) and not slot_of(annotation):
            for key, item in value.items():
                self._item(item, item_of(annotation, -1), _join(path, key), key)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._item(item, item_of(annotation, index), f"{path}[{index}]", index)
        elif value is not REFUSED and annotation is not Any:
            self._refuse(path, f"{show(value)} is not {expected(annotation)}")

    def rules(self, schema: type) -> None:
        """Ask the root, its sections and every component for what they know to be wrong."""
        refused = frozenset(problem.key for problem in self._found.problems)
        view = ConfigView(self._found.config, self._found.components, refused)
        for key, cls in {"": schema, **self._sections, **self._found.components}.items():
            options = view.get(key) if key else self._found.config
            check = getattr(cls, "check", None)
            if callable(check) and isinstance(options, Mapping) and list(inspect.signature(check).parameters) == _CHECK:
                self._found.problems += check(key, options, view)

    def _leaves(self, values: Mapping[Any, Any], parameters: Mapping[str, Parameter], path: str) -> None:
        """Let pydantic check values that hold no components, and find what is missing and what is unknown."""
        refused = {key for key, value in values.items() if value is REFUSED}
        kept = {str(key): value for key, value in values.items() if key not in refused}
        model = _model(tuple((name, each) for name, each in parameters.items() if name not in refused))
        try:
            model.model_validate_json(json.dumps(kept, default=str))
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False, include_input=False):
                self._word(detail["type"], detail["loc"], kept, parameters, path)

    def _word(
        self,
        kind: str,
        location: tuple[Any, ...],
        values: Mapping[str, Any],
        parameters: Mapping[str, Parameter],
        at: str,
    ) -> None:
        """Put an error of pydantic into words."""
        name, *inner = location
        key = _join(at, name)
        if name not in parameters:
            self._refuse(key, unknown_key(key, list(parameters), self._found.config))
            return
        wanted = parameters[name].annotation
        if kind == "missing" and name not in values:
            self._found.problems.append(Problem(key, f"missing: {expected(wanted)}", missing=True))
            return
        value = values[name]
        for part in inner:  # parts that lead nowhere in the value name branches of a union
            if isinstance(part, int) and isinstance(value, list) and part < len(value):
                key, value, wanted = f"{key}[{part}]", value[part], item_of(wanted, part)
            elif isinstance(value, Mapping) and part in value:
                key, value, wanted = _join(key, part), value[part], item_of(wanted, -1)
        self._refuse(key, f"{show(value)} is not {expected(wanted)}{spelling_hint(value, wanted)}")

    def _component(self, node: Mapping[str, Any], annotation: Any, path: str) -> None:
        """Check a component: its class, and the rest of the node against the constructor of that."""
        if self._trusted is None:
            return
        slot, bases = slot_of(annotation), bases_of(annotation)
        if not bases and plain(annotation) is not Any:
            self._refuse(path, f"a component is not {expected(annotation)}")
            return
        try:
            cls = find_class(node[TARGET], self._trusted)
        except RefusedTargetError as refusal:
            self._refuse(_join(path, TARGET), str(refusal))
            return
        if bases and not issubclass(cls, bases):
            names = " or ".join(f"{base.__module__}.{base.__qualname__}" for base in bases)
            self._refuse(_join(path, TARGET), f"{cls.__name__} does not descend from {names}")
            return
        self._found.components[path] = cls
        provided = {name for base in bases for name in getattr(base, "provided", ())} | set(
            slot.provided if slot else ()
        )
        arguments = {key: value for key, value in node.items() if key != TARGET}
        self.arguments(arguments, cls, path, tuple(provided), slot.limits if slot else None)

    def _item(self, value: Any, annotation: Any, path: str, name: str | int) -> None:
        """Check an item of a container."""
        if _is_magic(name):
            self._refuse(path, f"is not used here: of such keys there is only {TARGET}")
        elif _is_walked(value, annotation):
            self.value(value, annotation, path)
        else:
            self._leaves({path: value}, {path: Parameter(annotation, True)}, "")

    def _refuse(self, path: str, text: str) -> None:
        self._found.problems.append(Problem(path, text))


@cache
def _model(parameters: tuple[tuple[str, Parameter], ...]) -> type[BaseModel]:
    """Return the pydantic model of a constructor's arguments."""
    fields: dict[str, Any] = {}
    for index, (name, parameter) in enumerate(parameters):
        # An alias, because pydantic keeps some names for itself.
        fields[f"field_{index}"] = (plain(parameter.annotation), _aliased(name, parameter.required))
    return create_model("Arguments", __config__=_MODEL, **fields)


def _aliased(name: str, required: bool) -> Any:
    return Field(alias=name) if required else Field(default=None, alias=name)


def _is_walked(value: Any, annotation: Any) -> bool:
    """Tell whether a value is to be walked through, since it holds or has to be a component or a section."""
    options = members(annotation)
    if value is REFUSED or (value is None and (type(None) in options or None in options)):
        return False
    if _holds_component(value) or slot_of(annotation) or (bases_of(annotation) and plain(annotation) is Any):
        return True
    inner = [item_of(option, -1) for option in options]
    sections = any(dataclasses.is_dataclass(option) for option in (*options, *inner))
    return isinstance(value, (Mapping, list)) and (sections or any(map(slot_of, inner)))


def _holds_component(value: Any) -> bool:
    if isinstance(value, Mapping):
        return TARGET in value or any(map(_holds_component, value.values()))
    return isinstance(value, list) and any(map(_holds_component, value))


def _is_magic(key: Any) -> bool:
    """Tell whether a key means something to Hydra; of those only ``_target_`` is used here."""
    return isinstance(key, str) and re.fullmatch(r"_\w+_", key) is not None and key != TARGET


def _keys(value: Any, path: str = "") -> Iterator[str]:
    for key, item in value.items() if isinstance(value, Mapping) else ():
        yield _join(path, key)
        yield from _keys(item, _join(path, key))


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
