"""The allow-list of classes that a config may name as ``_target_``: a config may come from a stranger."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from gan_experiments.core.text import first_few, first_line, nearest, show, suggest

TARGET = "_target_"
ALLOWED = ("gan_experiments", "torch.nn", "torch.optim", "torchmetrics", "pytorch_lightning")

# They run what their arguments name, so naming them is naming anything.
_DISPATCHERS = ("gan_experiments.cli", "pytorch_lightning.cli")
_LONGEST = 300  # characters of a path
_NEARLY = 0.85  # how much a misspelled package is like the right one
_MOST = 5  # classes of a module that are named
_ABSENT = object()  # not ``None``, which a module can hold


class RefusedTargetError(Exception):
    """A ``_target_`` that names no class a config may use.

    Args:
        reason: Why, for the user.
        to_trust: The packages that ``trusted`` would have to list to allow it, if that could.
    """

    def __init__(self, reason: str, to_trust: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.to_trust = to_trust


def find_class(target: Any, trusted: Sequence[str] = ()) -> type:
    """Import the class that a ``_target_`` names; nothing outside the allow-list and ``trusted`` is imported.

    Raises:
        RefusedTargetError: It names no class, or one from elsewhere.
    """
    if not isinstance(target, str) or len(target) > _LONGEST or "." not in target or not _is_dotted_name(target):
        raise RefusedTargetError(f"{show(target)} is not the dotted path of a class, such as torch.nn.ReLU")
    _refuse_outside(target, trusted)
    cls = _import(target)
    if not isinstance(cls, type):
        hint = _class_in(cls) if isinstance(cls, ModuleType) else ""
        raise RefusedTargetError(f"{target} is not a class, but of type {type(cls).__name__}{hint}")
    _refuse_outside(f"{cls.__module__}.{cls.__qualname__}", trusted)
    return cls


def to_trust(path: str, trusted: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what ``trusted`` has to list so that a path may be named; empty if it may be, or never can."""
    package = path.partition(".")[0]
    return () if _within(path, (*ALLOWED, *trusted)) or untrustworthy([package]) else (*trusted, package)


def untrustworthy(packages: Iterable[Any]) -> list[str]:
    """Return why each of ``packages`` that cannot be trusted as a whole cannot."""
    reasons = []
    for package in packages:
        if not isinstance(package, str) or not _is_dotted_name(package):
            reasons.append(f"{show(package)} is not the name of a package")
        elif package.partition(".")[0] in sys.stdlib_module_names or package == "torch":
            reasons.append(f"{show(package)} holds functions that read, write and run anything: it cannot be trusted")
    return reasons


def _import(target: str) -> Any:
    """Import what a dotted path names, package by package, so that the first part that is missing is named."""
    package, *parts = target.split(".")
    if not module_exists(package):
        raise RefusedTargetError(f"there is no package {package}{_package_hint(package)}")
    path = package
    try:
        named: Any = importlib.import_module(package)
        for index, part in enumerate(parts, start=1):
            module, path, is_last = named, f"{named.__name__}.{part}", index == len(parts)
            named = getattr(module, part, _ABSENT) if is_last else _ABSENT
            if named is _ABSENT and module_exists(path):
                named = importlib.import_module(path)
            elif named is _ABSENT:
                missing = f"there is no {'class' if is_last else 'module'} {part} in {module.__name__}"
                raise RefusedTargetError(f"{missing}{suggest(part, _public(module))}")
    except RefusedTargetError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's own module does wrong
        raise RefusedTargetError(f"{path} cannot be imported: {type(error).__name__}: {first_line(error)}") from error
    return named


def module_exists(path: str) -> bool:
    """Tell whether there is a module of this dotted path; the packages that it lies in are imported."""
    try:
        return path in sys.modules or find_spec(path) is not None
    except (ImportError, ValueError):
        return False


def _public(module: ModuleType) -> list[str]:
    """Return the names that a module offers: its submodules, and its classes, which go before those."""
    files = [file.name for file in iter_modules(getattr(module, "__path__", ()))]
    classes = [name for name, value in vars(module).items() if isinstance(value, type)]
    return [name for name in files + classes if not name.startswith("_")]


def _refuse_outside(path: str, trusted: Sequence[str]) -> None:
    """Refuse a path that is not in the allow-list, or that a config could name anything with."""
    allowed = (*ALLOWED, *trusted)
    if not _within(path, allowed):
        package, packages = path.partition(".")[0], to_trust(path, trusted)
        hint = f"; if {package} is yours, add trusted=[{','.join(packages)}]" if packages else ""
        meant = _misspelled(path)
        hint = f"; did you mean {meant}?" if meant else hint
        text = f"{show(path)} is not in the packages a config may name ({', '.join(allowed)}){hint}"
        raise RefusedTargetError(text, packages)
    if _within(path, _DISPATCHERS):
        raise RefusedTargetError(f"{path} runs whatever its arguments name; a config may not name it")


def _misspelled(path: str) -> str | None:
    """Return a path that begins nearly like an allowed package with the name of that package."""
    for allowed in ALLOWED:
        parts = path.split(".")
        length = allowed.count(".") + 1
        if nearest(".".join(parts[:length]), [allowed], cutoff=_NEARLY):
            return ".".join([allowed, *parts[length:]])
    return None


def _class_in(module: ModuleType) -> str:
    """Return the hint at the classes that a module defines, where it was named itself."""
    own = [name for name, each in vars(module).items() if isinstance(each, type) and each.__module__ == module.__name__]
    if len(own) == 1:
        return f"; did you mean {module.__name__}.{own[0]}?"
    return f"; its classes are {first_few(sorted(own), _MOST)}" if own else ""


def _package_hint(package: str) -> str:
    """Return what may be meant by a package that there is none of, or how one is found."""
    here = [*(file.stem for file in Path().glob("*.py")), *(file.parent.name for file in Path().glob("*/__init__.py"))]
    where = f"put PYTHONPATH=FOLDER before the command, the folder it lies in (PYTHONPATH=. for {show(os.getcwd())})"
    return suggest(package, here) or f"; {where}"


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _within(path: str, packages: Sequence[str]) -> bool:
    return any(path.startswith(f"{package}.") for package in packages)
