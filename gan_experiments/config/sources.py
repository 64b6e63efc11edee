"""Finds and parses the source of modules, and follows a dotted path through them; imports and runs nothing."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

from gan_experiments.core.text import suggest

_LONGEST_CHAIN = 20  # of re-exports, against those that run in a circle


class NotFound(Exception):  # noqa: N818 - a finding, not a fault
    """A dotted path that does not lead where it should; the message says why."""


@dataclass(frozen=True)
class Imported:
    """What a name is bound to that comes from elsewhere: an absolute path, of a module or of anything in one."""

    path: str


class Module:
    """The parsed source of one module.

    Attributes:
        name: Its absolute name.
        file: Its source.
    """

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self.file = file

    @property
    def folder(self) -> Path | None:
        """Where the submodules are; ``None`` if this is not a package."""
        return self.file.parent if self.file.name == "__init__.py" else None

    @cached_property
    def symbols(self) -> dict[str, ast.stmt | Imported]:
        """What each name at the top of the module is bound to; ``import *`` is not among them."""
        found: dict[str, ast.stmt | Imported] = {}
        for name, bound, nested in self._bindings(self._tree.body):
            if not (nested and name in found):  # of the branches of an `if` or a `try`, the first
                found[name] = bound
        return found

    @cached_property
    def stars(self) -> list[str]:
        """The modules that this one imports everything from."""
        imports = [node for node in self._tree.body if isinstance(node, ast.ImportFrom)]
        return [self._origin(node) for node in imports if node.names[0].name == "*"]

    def absolute(self, name: str) -> str:
        """Return the absolute path of a name, dotted or not, as it is used in this module."""
        first, dot, rest = name.partition(".")
        bound = self.symbols.get(first)
        if isinstance(bound, Imported):
            return bound.path + dot + rest
        own = bound is not None or (self.stars and not hasattr(builtins, first))
        return f"{self.name}.{name}" if own else name

    @cached_property
    def _tree(self) -> ast.Module:
        try:
            return ast.parse(self.file.read_bytes())
        except (SyntaxError, ValueError, OSError) as error:
            raise NotFound(f"{self.file} cannot be read: {error}") from None

    def _bindings(self, body: list[ast.stmt], nested: bool = False) -> Iterator[tuple[str, ast.stmt | Imported, bool]]:
        for node in body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node, nested
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from ((target.id, node, nested) for target in targets if isinstance(target, ast.Name))
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    path = alias.name if alias.asname else alias.name.partition(".")[0]
                    yield alias.asname or path, Imported(path), nested
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield alias.asname or alias.name, Imported(f"{self._origin(node)}.{alias.name}"), nested
            elif isinstance(node, (ast.If, ast.Try)):
                handlers = [line for handler in getattr(node, "handlers", []) for line in handler.body]
                yield from self._bindings(node.body + node.orelse + handlers, nested=True)

    def _origin(self, node: ast.ImportFrom) -> str:
        """Return the absolute name of the module that ``node`` imports from."""
        if node.level == 0:
            return node.module or ""
        parts = self.name.split(".")
        package = parts[: len(parts) - node.level + (self.folder is not None)]
        return ".".join(package + ([node.module] if node.module else []))


@cache
def find_module(name: str) -> Module | None:
    """Return the module of that name, or ``None`` if there is no source file for it."""
    parent, _, last = name.rpartition(".")
    for folder in _folders(parent, last) if last.isidentifier() else []:
        for file in (folder / last / "__init__.py", folder / f"{last}.py"):
            if file.is_file():
                return Module(name, file)
    return None


def _folders(parent: str, last: str) -> list[Path]:
    """Return where the module ``last`` of the package ``parent`` may lie."""
    if parent:
        package = find_module(parent)
        return [package.folder] if package and package.folder else []
    try:
        spec = find_spec(last)  # runs nothing: a name without a dot has no package to import first
    except (ImportError, ValueError):
        return []
    if spec is None or not spec.has_location or spec.origin is None:
        return []
    origin = Path(spec.origin)
    return [origin.parent.parent if origin.name == "__init__.py" else origin.parent]


def follow(path: str, steps: int = _LONGEST_CHAIN) -> tuple[Module, ast.stmt | None]:
    """Follow a dotted path through re-exports to what defines it: its module, and its statement there.

    Returns:
        The statement is ``None`` if the path leads to a module itself.

    Raises:
        NotFound: It leads nowhere.
    """
    parent, _, name = path.rpartition(".")
    module = find_module(parent) if parent else None
    bound = module.symbols.get(name) if module else None
    if isinstance(bound, Imported) and bound.path != path and steps:
        return follow(bound.path, steps - 1)
    if module and isinstance(bound, ast.stmt):
        return module, bound
    if whole := find_module(path):
        return whole, None
    for origin in module.stars if module and steps and not name.startswith("_") else []:
        try:
            return follow(f"{origin}.{name}", steps - 1)
        except NotFound:
            continue
    if parent and not module and _is_class(parent, steps):
        raise NotFound(f"{path} is inside a class; only one at the top of a module can be named")
    raise NotFound(_explain(parent, name, module))


def _is_class(path: str, steps: int) -> bool:
    try:
        return steps > 0 and isinstance(follow(path, steps - 1)[1], ast.ClassDef)
    except NotFound:
        return False


def _explain(parent: str, name: str, module: Module | None) -> str:
    """Say where a path ends, and what it was perhaps meant to be."""
    if module and name in module.symbols:
        return f"{parent}.{name} is not a module of {parent.partition('.')[0]}"
    if module:
        return f"there is no {name} in {parent}{suggest(name, _public(module))}"
    if not parent:
        return f"there is no package {name}"
    grandparent, _, last = parent.rpartition(".")
    return _explain(grandparent, last, find_module(grandparent) if grandparent else None)


def _public(module: Module) -> list[str]:
    files = module.folder.iterdir() if module.folder else []
    names = [*module.symbols, *(file.stem for file in files)]
    return [name for name in names if not name.startswith("_")]
