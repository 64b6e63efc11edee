"""Small packages to import, each under a name of its own, and folders of configs."""

import itertools
import textwrap

import pytest

_numbers = itertools.count()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write modules of a new package; returns the package's name, which stands for PACKAGE in them."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(**modules):
        name = f"example_package_{next(_numbers)}"
        for module, text in {"__init__": "", **modules}.items():
            file = tmp_path / name / f"{module.replace('__of__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text).replace("PACKAGE", name))
        return name

    return make


@pytest.fixture
def folder(tmp_path):
    """Write YAML files into a folder of the user's; ``loss__mine`` becomes ``loss/mine.yaml``."""

    def write(**files):
        for name, text in files.items():
            file = tmp_path / f"{name.replace('__', '/')}.yaml"
            file.parent.mkdir(exist_ok=True, parents=True)
            file.write_text(text)
        return tmp_path

    return write
