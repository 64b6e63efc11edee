"""Reads classes from their source: what a constructor takes, what a class says of itself, where it comes from.

Nothing is imported and nothing is run, so that a config from a stranger can be judged, and quickly: importing torch to
find a misspelt key would take seconds.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeGuard

from gan_experiments.config.sources import Module, NotFound, follow

# Constructors that hand everything on, and in the end take nothing.
_EMPTY_CONSTRUCTORS = {
    "torch.nn.modules.module.Module",
    "pytorch_lightning.core.module.LightningModule",
    "pytorch_lightning.core.datamodule.LightningDataModule",
}


@dataclass(frozen=True)
class Parameter:
    """One argument of a constructor.

    Attributes:
        name: Its name.
        annotation: Its type as written; ``None`` if there is none.
        module: Where the annotation was written: its names mean what they mean there.
        required: Whether it has no default.
    """

    name: str
    annotation: ast.expr | None
    module: Module
    required: bool


@dataclass(frozen=True)
class Signature:
    """What a constructor takes: its parameters by name; ``open`` if it takes names beside them."""

    parameters: dict[str, Parameter]
    open: bool = False


class ClassSource:
    """A class as its source describes it.

    Attributes:
        module: The module that defines it.
        name: Its name there.
    """

    def __init__(self, module: Module, node: ast.ClassDef) -> None:
        self.module = module
        self.name = node.name
        self._node = node

    @property
    def path(self) -> str:
        """The module and the name it is defined under, whatever it was asked for by."""
        return f"{self.module.name}.{self.name}"

    def load(self) -> type:
        """Import the module and return the class: the very one whose source was read."""
        loaded: type = getattr(importlib.import_module(self.module.name), self.name)
        return loaded

    @cached_property
    def lineage(self) -> list[ClassSource]:
        """The class and its ancestors, nearest first, as far as their sources are found."""
        lines = [self, *(ancestor for base in self._bases for ancestor in base.lineage)]
        return list({line.path: line for line in reversed(lines)}.values())[::-1]

    @cached_property
    def complete(self) -> bool:
        """Whether the sources of all ancestors were found."""
        return len(self._bases) == len(self._node.bases) and all(base.complete for base in self._bases)

    def descends_from(self, path: str) -> bool | None:
        """Tell whether the class at ``path``, as defined, is this one or an ancestor; ``None`` if that is unknown."""
        if any(line.path == path for line in self.lineage):
            return True
        return False if self.complete else None

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return the class attribute of that name, own or inherited; ``default`` if it is none or not a literal."""
        for line in self.lineage:
            for node in line._node.body:
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                    try:
                        return ast.literal_eval(getattr(node, "value", None) or ast.Constant(default))
                    except ValueError:
                        return default
        return default

    def keywords(self, name: str) -> dict[str, Any]:
        """Return the literal keywords of the call that the class attribute ``name``, own or inherited, is bound to."""
        for line in self.lineage:
            for node in line._node.body:
                if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                        words = [word for word in node.value.keywords if isinstance(word.value, ast.Constant)]
                        return {
                            str(word.arg): word.value.value for word in words if isinstance(word.value, ast.Constant)
                        }
        return {}

    def definer(self, method: str) -> str | None:
        """Return the path of the nearest class of the lineage that defines ``method``."""
        for line in self.lineage:
            if line._method(method):
                return line.path
        return None

    @cached_property
    def signature(self) -> Signature:
        """What the constructor takes: its own, or the nearest inherited one; a dataclass's fields."""
        for line in self.lineage:
            if constructor := line._method("__init__"):
                empty = line.path in _EMPTY_CONSTRUCTORS
                return Signature({}) if empty else _read_arguments(constructor, line.module)
            if line.is_dataclass:
                return Signature({field.name: field for field in line._fields()})
        return Signature({}, open=not self.complete)

    @property
    def is_dataclass(self) -> bool:
        """Whether the class is decorated as one."""
        names = [ast.unparse(decorator).partition("(")[0] for decorator in self._node.decorator_list]
        return any(name.rpartition(".")[2] == "dataclass" for name in names)

    @cached_property
    def _bases(self) -> list[ClassSource]:
        bases = []
        for node in self._node.bases:
            base = node.value if isinstance(node, ast.Subscript) else node
            try:
                bases.append(find_class(self.module.absolute(ast.unparse(base))))
            except NotFound:
                continue
        return bases

    def _method(self, name: str) -> ast.FunctionDef | None:
        methods = [node for node in self._node.body if isinstance(node, ast.FunctionDef) and node.name == name]
        return methods[-1] if methods else None  # the last of several is the one behind their @overload

    def _fields(self) -> Iterator[Parameter]:
        for line in reversed(self.lineage):
            for node in line._node.body if line.is_dataclass else []:
                if _is_field(node):
                    name = ast.unparse(node.target)
                    yield Parameter(name, node.annotation, line.module, required=not _has_default(node))


@cache
def find_class(path: str) -> ClassSource:
    """Follow a dotted path, through re-exports, to the class it leads to.

    Raises:
        NotFound: It leads to none; the message says to what instead.
    """
    module, node = follow(path)
    if isinstance(node, ast.ClassDef):
        return ClassSource(module, node)
    kinds = {ast.FunctionDef: "a function", ast.AsyncFunctionDef: "a function", type(None): "a module"}
    raise NotFound(f"{path} is {kinds.get(type(node), 'a value')}, not a class")


def _read_arguments(constructor: ast.FunctionDef, module: Module) -> Signature:
    arguments = constructor.args
    positional = (arguments.posonlyargs + arguments.args)[1:]  # without self
    needed = len(positional) - len(arguments.defaults)
    required = [place < needed for place in range(len(positional))]
    required += [default is None for default in arguments.kw_defaults]
    listed = zip(positional + arguments.kwonlyargs, required, strict=True)
    parameters = {arg.arg: Parameter(arg.arg, arg.annotation, module, must) for arg, must in listed}
    return Signature(parameters, open=arguments.kwarg is not None)


def _is_field(node: ast.stmt) -> TypeGuard[ast.AnnAssign]:
    if not isinstance(node, ast.AnnAssign) or "ClassVar" in ast.unparse(node.annotation):
        return False
    return not any(word.arg == "init" and ast.unparse(word.value) == "False" for word in _field_options(node.value))


def _has_default(node: ast.AnnAssign) -> bool:
    options = _field_options(node.value)
    return node.value is not None and (not options or any("default" in str(word.arg) for word in options))


def _field_options(value: ast.expr | None) -> list[ast.keyword]:
    """Return the keywords of a call of ``dataclasses.field``."""
    is_field = isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == "field"
    return value.keywords if is_field and isinstance(value, ast.Call) else []
