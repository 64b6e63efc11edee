"""Which classes a config may name: ``_target_`` is code, and a config may come from a stranger."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from gan_experiments.config.signatures import ClassSource, find_class
from gan_experiments.config.sources import NotFound
from gan_experiments.core.text import show

TARGET = "_target_"
ALLOWED = ("gan_experiments", "torch.nn", "torch.optim", "torchmetrics", "pytorch_lightning")

# They run what their arguments name, so naming them is naming anything.
_DISPATCHERS = ("gan_experiments.cli", "pytorch_lightning.cli")


def find_target(target: Any, trusted: Sequence[str] = ()) -> ClassSource:
    """Return the class a ``_target_`` names, if it is defined in a package of ours, of the libraries or of ``trusted``.

    Raises:
        NotFound: It is no such class; the message says what it is.
    """
    allowed = (*ALLOWED, *trusted)
    listed = f"the packages a config may name ({', '.join(allowed)})"
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        raise NotFound(f"{show(target)} is not the dotted path of a class")
    if not _within(target, allowed):
        raise NotFound(f"{show(target)} is not in {listed}{_hint(target)}")
    source = find_class(target)
    if not _within(source.path, allowed):
        raise NotFound(f"{source.name} comes from {source.module.name}, which is not in {listed}")
    if _within(source.path, _DISPATCHERS):
        raise NotFound(f"{source.path} runs whatever it is told to; a config may not name it")
    return source


def distrust(packages: Iterable[Any]) -> list[str]:
    """Return why each of ``packages`` that cannot be trusted as a whole cannot."""
    reasons = []
    for package in packages:
        if not isinstance(package, str) or not all(part.isidentifier() for part in package.split(".")):
            reasons.append(f"{show(package)} is not the name of a package")
        elif package.partition(".")[0] in sys.stdlib_module_names or package == "torch":
            reasons.append(f"{show(package)} holds functions that read, write and run anything: it cannot be trusted")
    return reasons


def _hint(target: str) -> str:
    package = target.partition(".")[0]
    return "" if distrust([package]) else f"; if {package} is yours, add trusted=[{package}] to the command line"


def _within(path: str, packages: Sequence[str]) -> bool:
    return any(path.startswith(f"{package}.") for package in packages)
