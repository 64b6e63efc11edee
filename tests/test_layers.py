"""Imports go down only: a component knows no framework, a layer no layer above it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gan_experiments"
COMPONENTS = {"losses", "penalties", "networks", "augment"}
VOCABULARY = {"types", "contracts", "randomness", "distributed", "precision"}
TOOLS = {"cache", "files", "images"}
ALLOWED = {
    **{name: {name, *VOCABULARY} for name in sorted(COMPONENTS)},
    "metrics": {"metrics", *TOOLS, *VOCABULARY},
    "sampling": {"sampling", "metrics", *TOOLS, *VOCABULARY},
    "data": {"data", "clock", *TOOLS, *VOCABULARY},
    "systems": {"systems", "ema", "clock", *TOOLS, *VOCABULARY},
    "study": {"study", "run", "files", "checking", "types"},
    "sweep": {"sweep", "run", "compose", "loader", "overrides", "summary", "checking", "clock", "types"},
    "callbacks": {"callbacks", "systems", "metrics", "run", "clock", *TOOLS, *VOCABULARY},
}
FRAMEWORKS = {"pytorch_lightning", "hydra", "omegaconf"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module.split(".")
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_what_lies_below_it(layer):
    files = list((PACKAGE / layer).rglob("*.py"))
    assert files
    for path in files:
        for name in imports(path):
            if name[0] == "gan_experiments":
                assert name[1] in ALLOWED[layer], f"{path.name} imports {'.'.join(name)}"


@pytest.mark.parametrize("layer", sorted(COMPONENTS | {"metrics", "sampling"}))
def test_components_are_plain_torch(layer):
    for path in (PACKAGE / layer).rglob("*.py"):
        assert FRAMEWORKS.isdisjoint(name[0] for name in imports(path)), path
