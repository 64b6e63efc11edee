"""The allow-list of classes that a config may name as ``_target_``: a config may come from a stranger."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from gan_experiments.core.text import show, suggest

TARGET = "_target_"
ALLOWED = ("gan_experiments", "torch.nn", "torch.optim", "torchmetrics", "pytorch_lightning")

# They run what their arguments name, so naming them is naming anything.
_DISPATCHERS = ("gan_experiments.cli", "pytorch_lightning.cli")


class RefusedTargetError(Exception):
    """A ``_target_`` that names no class a config may use; the message says why."""


def find_class(target: Any, trusted: Sequence[str] = ()) -> type:
    """Import the class that a ``_target_`` names; nothing outside the allow-list and ``trusted`` is imported by it.

    Raises:
        RefusedTargetError: It names no class, or one from elsewhere.
    """
    allowed = (*ALLOWED, *trusted)
    listed = f"the packages a config may name ({', '.join(allowed)})"
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        raise RefusedTargetError(f"{show(target)} is not the dotted path of a class")
    if not _within(target, allowed):
        raise RefusedTargetError(f"{show(target)} is not in {listed}{_hint(target)}")
    if _within(target, _DISPATCHERS):
        raise RefusedTargetError(f"{target} runs whatever its arguments name; a config may not name it")
    parent, _, name = target.rpartition(".")
    module = _import(parent)
    if name not in vars(module) and not hasattr(module, name):
        raise RefusedTargetError(f"there is no {name} in {parent}{suggest(name, _public(module))}")
    found = getattr(module, name)
    if not isinstance(found, type):
        kind = "a module" if isinstance(found, ModuleType) else "a function" if callable(found) else "a value"
        raise RefusedTargetError(f"{target} is {kind}, not a class")
    path = f"{found.__module__}.{found.__qualname__}"
    if not _within(path, allowed):
        raise RefusedTargetError(f"{found.__name__} comes from {found.__module__}, which is not in {listed}")
    if _within(path, _DISPATCHERS):
        raise RefusedTargetError(f"{path} runs whatever its arguments name; a config may not name it")
    return found


def untrustworthy(packages: Iterable[Any]) -> list[str]:
    """Return why each of ``packages`` that cannot be trusted as a whole cannot."""
    reasons = []
    for package in packages:
        if not isinstance(package, str) or not all(part.isidentifier() for part in package.split(".")):
            reasons.append(f"{show(package)} is not the name of a package")
        elif package.partition(".")[0] in sys.stdlib_module_names or package == "torch":
            reasons.append(f"{show(package)} holds functions that read, write and run anything: it cannot be trusted")
    return reasons


def _import(name: str) -> ModuleType:
    """Import a module of an allowed package, its packages first, so that the first that is missing is named."""
    parts = name.split(".")
    module: ModuleType | None = None
    for depth in range(1, len(parts) + 1):
        path = ".".join(parts[:depth])
        if not _exists(path):
            if module is None:
                raise RefusedTargetError(f"there is no package {path}; is the folder it lies in on PYTHONPATH?")
            if isinstance(getattr(module, parts[depth - 1], None), type):
                raise RefusedTargetError(f"{path} is a class; only one at the top of a module can be named")
            raise RefusedTargetError(
                f"there is no {parts[depth - 1]} in {module.__name__}{suggest(parts[depth - 1], _public(module))}"
            )
        try:
            module = importlib.import_module(path)
        except Exception as error:  # whatever the user's own module does wrong
            raise RefusedTargetError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    assert module is not None
    return module


def _exists(path: str) -> bool:
    try:
        return path in sys.modules or find_spec(path) is not None
    except (ImportError, ValueError):
        return False


def _public(module: ModuleType) -> list[str]:
    """Return the names that a module offers: its classes, and its submodules."""
    files = [name for folder in getattr(module, "__path__", ()) for name in _modules_in(folder)]
    classes = [name for name, value in vars(module).items() if isinstance(value, type)]
    return [name for name in dict.fromkeys([*classes, *files]) if not name.startswith("_")]


def _modules_in(folder: str) -> list[str]:
    from pkgutil import iter_modules

    return [module.name for module in iter_modules([folder])]


def _hint(target: str) -> str:
    package = target.partition(".")[0]
    return "" if untrustworthy([package]) else f"; if {package} is yours, add trusted=[{package}] to the command line"


def _within(path: str, packages: Sequence[str]) -> bool:
    return any(path.startswith(f"{package}.") for package in packages)
