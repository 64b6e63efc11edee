"""Validates a composed config against its schema, its components against their classes, and asks each for its rules.

``check_values`` needs no torch. ``check_config`` imports the classes that the config names, if the allow-list lets it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from gan_experiments.config.annotations import MISPLACED, REFUSED, model_of
from gan_experiments.config.component_hints import misplaced_class
from gan_experiments.config.signatures import ANYWHERE, Section, Slot, section_in, signature_of, slot_of
from gan_experiments.config.suggestions import unknown_key
from gan_experiments.config.targets import TARGET, RefusedTargetError, find_class
from gan_experiments.config.wording import describe
from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.text import first_line, show

_LARGEST_INT = 2**63 - 1
_SMALLEST, _LARGEST = 1.1754944e-38, 3.4028235e38  # positive numbers of float32
_CHECK = ["key", "options", "config"]  # what a method of a component named ``check`` takes, if it is about its config


def check_values(config: DictConfig, schema: type[Section]) -> Checked:
    """Hold sections against ``schema``, and ask them for their rules; components are not looked into, nor imported."""
    return Checked(config, schema)


def check_config(config: DictConfig | dict[str, Any], schema: type[Section], trusted: Sequence[str] = ()) -> Checked:
    """Hold a config against ``schema``, each component in it against its constructor, and ask each for its rules.

    Args:
        config: As composed, without Hydra's own node; in a plain one, of a run, nothing is interpolated.
        schema: The dataclass of the command.
        trusted: Packages beside the allowed ones that may be named as ``_target_``: the command line says which,
            whatever the config says.
    """
    return Checked(config, schema, trusted)


class Checked:
    """A config, checked; arguments as for ``check_config``, ``trusted=None`` where no class is to be imported.

    Attributes:
        config: Plain containers with interpolations resolved.
        problems: What is wrong, each thing once.
        components: The class of every component, by its dotted key.
    """

    def __init__(
        self, config: DictConfig | dict[str, Any], schema: type[Section], trusted: Sequence[str] | None = None
    ) -> None:
        self.config: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self.components: dict[str, type] = {}
        self._mappings: list[tuple[str, dict[Any, Any]]] = []  # with its dotted key each, before those in it
        self._annotations: dict[int, Any] = {}  # at which a section or a component was found, by its identity
        self._classes: dict[str, type] = {}  # of sections and components, by dotted key
        try:
            plain: Any = config
            with suppress(OmegaConfBaseException, ValueError, RecursionError):  # which are found one by one
                if isinstance(config, DictConfig):
                    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # in half the time
            self.config = self._resolved(plain, "")
            self._annotations[id(self.config)] = schema
            for key, node in self._mappings:
                annotation = self._annotations.get(id(node), Any)
                if TARGET not in node or not key:
                    if cls := section_in(annotation):
                        self._arguments(key, node, cls)
                elif trusted is not None:
                    self._component(key, node, annotation, trusted)
            self._ask_for_rules()
        except RecursionError:
            self.problems = [Problem("", "the config is nested too deeply")]
        self.problems = list(dict.fromkeys(self.problems))

    @property
    def errors(self) -> list[Problem]:
        """Problems because of which the config cannot be run."""
        return [problem for problem in self.problems if not problem.warning]

    @property
    def warnings(self) -> list[str]:
        """What can be run, but is probably unintended, a line each."""
        return [str(problem) for problem in self.problems if problem.warning]

    def _resolved(self, node: Any, path: str) -> Any:
        """Return plain containers with every interpolation resolved, one by one, so that all that fail are found."""
        if not isinstance(node, (DictConfig, ListConfig, dict, list)):
            return node
        values: dict[Any, Any] = {}
        named = isinstance(node, (DictConfig, dict))
        keys: Any = list(node) if named else range(len(node))
        if named:
            self._mappings.append((path, values))
        for key in keys:
            at = _join(path, key) if named else f"{path}[{key}]"
            if isinstance(key, str) and key != TARGET and re.fullmatch(r"_\w+_", key):
                self._refuse(at, f"is not used here: of such keys there is only {TARGET}")
                continue
            values[key] = REFUSED
            try:
                if OmegaConf.is_config(node) and OmegaConf.is_missing(node, key):
                    self._refuse(at, "missing: it has no default", missing=True)
                else:
                    values[key] = self._resolved(node[key], at)
                if isinstance(values[key], (int, float)) and not _is_computable(values[key]):
                    self._refuse(at, f"{show(values[key])} is beyond the numbers of a run: int64 and float32")
                    values[key] = REFUSED
            except (OmegaConfBaseException, ValueError) as error:
                self._refuse(at, f"cannot be resolved: {first_line(error)}")
        return values if named else list(values.values())

    def _component(self, key: str, node: dict[Any, Any], annotation: Any, trusted: Sequence[str]) -> None:
        """Check a component, unless it is a problem already: its class, and its arguments against that."""
        if node[TARGET] is REFUSED or any(problem.key == key for problem in self.problems):
            return
        try:
            cls = find_class(node[TARGET], trusted)
            slot = slot_of(annotation, cls)
            if slot.bases and not any(_descends(cls, base) for base in slot.bases):
                names = " or ".join(f"{base.__module__}.{base.__qualname__}" for base in slot.bases)
                raise RefusedTargetError(f"{node[TARGET]} does not descend from {names}{_adapter(cls, slot)}")
        except RefusedTargetError as refusal:
            self.problems.append(Problem(_join(key, TARGET), str(refusal), to_trust=refusal.to_trust))
            return
        self.components[key] = cls
        self._arguments(key, {name: node[name] for name in node if name != TARGET}, cls, slot)

    def _arguments(self, key: str, values: Mapping[Any, Any], cls: type, slot: Slot = ANYWHERE) -> None:
        """Hold the arguments at ``key`` against what ``cls`` accepts, a section or the class of a component."""
        self._classes[key] = cls
        for name in sorted(slot.provided & values.keys()):
            self._refuse(_join(key, name), "is given by the program; a config cannot set it")
        parameters = signature_of(cls, slot).parameters
        given = {name: value for name, value in values.items() if name not in slot.provided}
        try:
            model_of(cls, slot).model_validate(given, context=self._annotations)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False):
                first, *items = detail["loc"]
                at = _join(key, first) + "".join(f"[{item}]" if isinstance(item, int) else f".{item}" for item in items)
                if detail["type"] == "missing":
                    self._refuse(at, f"missing: {describe(parameters[str(first)].annotation)}", missing=True)
                elif first not in parameters:
                    self._refuse(at, unknown_key(at, list(parameters), self.config))
                elif detail["type"] == MISPLACED:
                    text = misplaced_class(at, detail["input"], detail["input"][TARGET])
                    self._refuse(at, text.removeprefix(f"{at} is "))
                else:
                    self._refuse(at, detail["msg"])

    def _ask_for_rules(self) -> None:
        """Ask the root, its sections and every component for what they know to be wrong."""
        view = ConfigView(self.config, self.components, [problem.key for problem in self.problems])
        for key, cls in self._classes.items():
            options = view.get(key) if key else self.config
            check = getattr(cls, "check", None)
            if callable(check) and isinstance(options, Mapping) and _parameters(check) == _CHECK:
                problems = list(check(key, options, view))
                if issubclass(cls, Section) and any(problem.key == key for problem in problems):
                    # What is said of a section as a whole says why values are missing in it.
                    self.problems = [each for each in self.problems if not _is_missing_in(key, each)]
                self.problems += problems

    def _refuse(self, key: str, text: str, missing: bool = False) -> None:
        self.problems.append(Problem(key, text, missing))


@cache
def _parameters(function: Callable[..., Any]) -> list[str]:  # asked for each component of each config
    return list(inspect.signature(function).parameters)


def _is_missing_in(section: str, problem: Problem) -> bool:
    return problem.missing and problem.key.rpartition(".")[0] == section


def _is_computable(number: float) -> bool:
    """Tell whether torch reads an integer, and float32, in which a run computes, holds any other number."""
    return number == 0 or _SMALLEST <= abs(number) <= (_LARGEST_INT if isinstance(number, int) else _LARGEST)


def _descends(cls: type, base: type) -> bool:
    try:
        return issubclass(cls, base)
    except TypeError:  # a protocol that cannot be asked
        return True


def _adapter(cls: type, slot: Slot) -> str:
    """Return what can hold an instance of a class that is no component, if the base that is needed names it."""
    another = cls.__module__.startswith("gan_experiments.") or hasattr(cls, "adapter")  # a part of another kind
    for base in () if another else slot.bases:
        if hasattr(base, "adapter") and issubclass(cls, base.__bases__):
            return f"; {base.adapter} can hold it: docs/networks.md, 'Use your own nn.Module'"
    return ""


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
