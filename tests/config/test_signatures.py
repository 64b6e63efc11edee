import ast
import inspect
import subprocess
import sys

import pytest
import torch

from gan_experiments.config.signatures import find_class
from gan_experiments.config.sources import NotFound


def test_a_constructor_is_read(package):
    name = package(one="class One:\n    def __init__(self, a, b: int, c=1, *, d, e: str = ''): ...")
    signature = find_class(f"{name}.one.One").signature
    assert list(signature.parameters) == ["a", "b", "c", "d", "e"]
    assert [p.required for p in signature.parameters.values()] == [True, True, False, True, False]
    assert ast.unparse(signature.parameters["b"].annotation) == "int"
    assert not signature.open


def test_an_inherited_constructor_is_found_across_modules(package):
    name = package(
        base="class Base:\n    def __init__(self, a: int): ...",
        middle="from .base import Base as B\nclass Middle(B): ...",
        one="from PACKAGE import middle\nclass One(middle.Middle): ...",
    )
    source = find_class(f"{name}.one.One")
    assert list(source.signature.parameters) == ["a"]
    assert source.descends_from(f"{name}.base.Base")
    assert source.descends_from(f"{name}.base.Other") is False


def test_what_has_an_unknown_ancestor_may_be_anything(package):
    name = package(one="from nowhere_at_all import Base\nclass One(Base): ...")
    source = find_class(f"{name}.one.One")
    assert source.descends_from("nowhere_at_all.Base") is None
    assert source.signature.open


def test_modules_without_a_constructor_take_nothing(package):
    name = package(one="from torch import nn\nclass One(nn.Module): ...")
    signature = find_class(f"{name}.one.One").signature
    assert not signature.parameters
    assert not signature.open


def test_the_fields_of_a_dataclass_are_its_constructor(package):
    name = package(
        one="""
        from dataclasses import dataclass, field
        from typing import ClassVar
        @dataclass
        class Base:
            a: int
            kind: ClassVar[str] = ""
        @dataclass(frozen=True)
        class One(Base):
            b: int = 1
            c: list = field(default_factory=list)
            d: int = field(init=False)
            e: int = field(repr=False)
        """
    )
    parameters = find_class(f"{name}.one.One").signature.parameters
    assert {key: p.required for key, p in parameters.items()} == {"a": True, "b": False, "c": False, "e": True}


def test_class_attributes_are_read_and_inherited(package):
    name = package(
        one="""
        class Base:
            sizes: tuple = (8, 16)
            flag = True
            other = compute()
        class One(Base):
            flag = False
            def features(self): ...
        """
    )
    source = find_class(f"{name}.one.One")
    assert source.attribute("sizes") == (8, 16)
    assert source.attribute("flag") is False
    assert source.attribute("other", "unknown") == "unknown"
    assert source.attribute("none", 3) == 3
    assert source.definer("features") == f"{name}.one.One"
    assert source.definer("nothing") is None


@pytest.mark.parametrize(
    ("path", "reason"), [("f", "a function"), ("value", "a value"), ("", "a module"), ("path", "a module")]
)
def test_what_is_no_class_is_refused(package, path, reason):
    name = package(one="import json.decoder as path\ndef f(): ...\nvalue = 3")
    with pytest.raises(NotFound, match=reason):
        find_class(f"{name}.one.{path}".rstrip("."))


@pytest.mark.parametrize("cls", [torch.optim.Adam, torch.optim.SGD, torch.nn.Linear, torch.nn.LeakyReLU])
def test_reading_agrees_with_importing(cls):
    read = find_class(f"torch.{'optim' if issubclass(cls, torch.optim.Optimizer) else 'nn'}.{cls.__name__}")
    assert read.load() is cls
    assert list(read.signature.parameters) == list(inspect.signature(cls).parameters)


def test_no_torch_is_imported():
    code = (
        "import sys, gan_experiments.config.schema, gan_experiments.config.compose, gan_experiments.cli._main\n"
        "from gan_experiments.config.signatures import find_class\nfind_class('torch.optim.Adam').signature\n"
        "print([name for name in ('torch', 'pytorch_lightning', 'torchmetrics') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
