"""Imports go down only: each layer knows those below it, and a component no framework."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gan_experiments"

# From the top down; those of one line do not know each other.
LAYERS = (
    ("cli",),
    ("api",),
    ("comparison", "sweeps"),
    ("training",),
    ("runs",),
    ("config",),
    ("systems",),
    ("sampling",),
    ("data",),
    ("metrics",),
    ("losses", "penalties", "networks", "augment"),
    ("core",),
)
PLAIN_TORCH = {"losses", "penalties", "networks", "augment", "metrics", "sampling", "core"}
NO_TORCH = {"comparison", "sweeps", "config"}
FRAMEWORKS = {"pytorch_lightning", "hydra", "omegaconf"}
HEAVY = {"torch", "torchvision", "torchmetrics", "pytorch_lightning"}


def imports(path, top_level=False):
    tree = ast.parse(path.read_text())
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module.split(".")
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)


def test_the_layers_are_the_tree():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {name for line in LAYERS for name in line}
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py"}


@pytest.mark.parametrize("layer", [name for line in LAYERS for name in line])
def test_a_layer_imports_what_lies_below_it(layer):
    depth = next(index for index, line in enumerate(LAYERS) if layer in line)
    allowed = {layer, *(name for line in LAYERS[depth + 1 :] for name in line)}
    files = list((PACKAGE / layer).rglob("*.py"))
    assert files
    for path in files:
        for name in imports(path):
            if name[0] == "gan_experiments" and len(name) > 1:
                assert name[1] in allowed, f"{path.relative_to(PACKAGE)} imports {'.'.join(name)}"


@pytest.mark.parametrize("layer", sorted(PLAIN_TORCH))
def test_components_are_plain_torch(layer):
    for path in (PACKAGE / layer).rglob("*.py"):
        assert FRAMEWORKS.isdisjoint(name[0] for name in imports(path)), path


@pytest.mark.parametrize("layer", sorted(NO_TORCH))
def test_what_runs_without_torch_does_not_import_it(layer):
    for path in (PACKAGE / layer).rglob("*.py"):
        assert HEAVY.isdisjoint(name[0] for name in imports(path, top_level=True)), path


def test_no_private_part_of_hydra_is_used():
    folders = [PACKAGE, *(PACKAGE.parent / name for name in ("hydra_plugins", "benchmarks", "tests"))]
    for path in {path for folder in folders for path in folder.rglob("*.py")} - {Path(__file__)}:
        assert "hydra._internal" not in path.read_text(), path
