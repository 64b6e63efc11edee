"""Small packages to read, each under a name of its own: what has been parsed once is remembered."""

import itertools
import textwrap

import pytest

_numbers = itertools.count()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write modules of a new package, of which importing any fails; returns the package's name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(**modules):
        name = f"example_package_{next(_numbers)}"
        for module, text in {"__init__": "", **modules}.items():
            file = tmp_path / name / f"{module.replace('__of__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            text = textwrap.dedent(text).replace("PACKAGE", name)
            file.write_text(f"{text}\nraise RuntimeError('this module has been run')\n")
        return name

    return make
