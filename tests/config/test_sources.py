import subprocess
import sys

import pytest

from gan_experiments.config.sources import NotFound, find_module, follow


def test_reading_runs_nothing(package):
    name = package(one="class One: ...", __init__="from .one import One")
    module, node = follow(f"{name}.One")
    assert (module.name, node.name) == (f"{name}.one", "One")
    assert name not in sys.modules


@pytest.mark.parametrize(
    ("init", "path"),
    [
        ("from .one import One as Other", "Other"),
        ("from PACKAGE.one import One", "One"),
        ("from . import one", "one.One"),
        ("from .sub import *", "One"),
        ("from .sub import One", "One"),
        ("try:\n    from .one import One\nexcept ImportError:\n    One = None", "One"),
    ],
)
def test_reexports_are_followed(package, init, path):
    name = package(__init__=init, one="class One: ...", sub__of____init__="from ..one import One")
    assert follow(f"{name}.{path}")[0].name == f"{name}.one"


def test_reexports_in_a_circle_end(package):
    name = package(one="from .two import X", two="from .one import X")
    with pytest.raises(NotFound):
        follow(f"{name}.one.X")


def test_star_imports_do_not_hand_on_private_names(package):
    name = package(__init__="from .one import *", one="class _One: ...")
    with pytest.raises(NotFound):
        follow(f"{name}._One")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("one.Oen", "did you mean 'One'"),
        ("oen.One", "did you mean 'one'"),
        ("one.One.method", "inside a class"),
        ("one.sys.exit", "one.sys is not a module"),
    ],
)
def test_a_path_that_leads_nowhere_is_explained(package, path, reason):
    name = package(one="import sys\nclass One:\n    def method(self): ...")
    with pytest.raises(NotFound, match=reason):
        follow(f"{name}.{path}")


def test_a_file_that_cannot_be_parsed_is_named(package):
    name = package(one="class One(:")
    with pytest.raises(NotFound, match=r"one\.py cannot be read"):
        follow(f"{name}.one.One")


@pytest.mark.parametrize("name", ["sys", "builtins", "no_such_package", "os.no", "", "a..b", "../etc"])
def test_what_has_no_source_file_is_not_found(name):
    assert find_module(name) is None


def test_a_file_in_the_working_directory_does_not_stand_in_for_a_builtin_module(tmp_path):
    (tmp_path / "sys.py").write_text("class Evil: ...")
    code = "from gan_experiments.config.sources import find_module; print(find_module('sys'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
