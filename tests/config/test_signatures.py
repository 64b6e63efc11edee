import inspect
import typing
from typing import Annotated, Any

import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf
from torch import nn

from gan_experiments.config.compose import compose
from gan_experiments.config.files import INHERITED, conf_dir
from gan_experiments.config.signatures import Component, Parameter, Slot, signature_of, slot_of
from gan_experiments.config.targets import find_class

FUTURE = "from __future__ import annotations\n"


@pytest.fixture
def read(package):
    """Return the signature of a class One that the module ``one`` of a new package defines."""

    def make(one, **modules):
        name = package(one=one, **modules)
        return signature_of(find_class(f"{name}.one.One", [name]))

    return make


def annotations(signature):
    return {name: parameter.annotation for name, parameter in signature.parameters.items()}


@pytest.mark.parametrize("future", ["", FUTURE])
def test_a_constructor_is_read(read, future):
    signature = read(future + "class One:\n    def __init__(self, a, b: int, c=1, *rest, d, e: 'str' = ''): ...")
    assert list(signature.parameters) == ["a", "b", "c", "d", "e"]
    assert [parameter.required for parameter in signature.parameters.values()] == [True, True, False, True, False]
    assert annotations(signature) == {"a": Any, "b": int, "c": Any, "d": Any, "e": str}
    assert not signature.open


def test_an_inherited_constructor_is_read_in_its_own_module(read):
    signature = read(
        "from PACKAGE import middle\nclass One(middle.Middle): ...",
        base=FUTURE + "Size = int\nclass Base:\n    def __init__(self, a: Size): ...",
        middle="from .base import Base as B\nclass Middle(B): ...",
    )
    assert annotations(signature) == {"a": int}


def test_kwargs_are_the_arguments_of_the_next_constructor(read):
    signature = read(
        """
        class Base:
            def __init__(self, a: int, b: str = ""): ...
        class Middle(Base):
            def __init__(self, b: float = 1.0, **kwargs): super().__init__(**kwargs)
        class One(Middle):
            def __init__(self, c: bool, *args, **kwargs): super().__init__(**kwargs)
        """
    )
    assert annotations(signature) == {"a": int, "b": float, "c": bool}
    assert signature.parameters["a"].required
    assert not signature.parameters["b"].required
    assert not signature.open


def test_a_second_base_adds_its_arguments_too(read):
    signature = read(
        """
        class Left:
            def __init__(self, a: int = 1, **kwargs): super().__init__(**kwargs)
        class Right:
            def __init__(self, b: int = 1): ...
        class One(Left, Right): ...
        """
    )
    assert list(signature.parameters) == ["b", "a"]
    assert not signature.open


@pytest.mark.parametrize("base", ["", "(nn.Module)", "(torchmetrics.Metric)"])
def test_kwargs_that_nothing_lists_are_open(read, base):
    text = f"import torchmetrics\nfrom torch import nn\nclass One{base}:\n    def __init__(self, a, **kwargs): ..."
    assert read(text).open
    assert list(read(text).parameters) == ["a"]


@pytest.mark.parametrize("module", ["typing"] * hasattr(typing, "Unpack") + ["typing_extensions"])
def test_an_unpacked_typed_dict_lists_the_arguments(read, module):
    signature = read(
        f"""
        from __future__ import annotations
        from typing_extensions import NotRequired, Required, TypedDict
        from {module} import Unpack
        class Options(TypedDict, total=False):
            a: Required[int]
            b: str
        class More(Options):
            c: NotRequired[float]
            d: bool
        class One:
            def __init__(self, e: int = 1, **options: Unpack[More]): ...
        """
    )
    required = {name: parameter.required for name, parameter in signature.parameters.items()}
    assert required == {"a": True, "b": False, "c": False, "d": True, "e": False}
    assert annotations(signature) == {"a": int, "b": str, "c": float, "d": bool, "e": int}
    assert not signature.open


@pytest.mark.parametrize("base", ["", "(nn.Module)", "(pl.LightningDataModule)", "(torchmetrics.Metric)"])
def test_a_class_without_a_constructor_takes_nothing(read, base):
    text = f"import torchmetrics\nimport pytorch_lightning as pl\nfrom torch import nn\nclass One{base}: ..."
    assert read(text) == ({}, False)


def test_the_fields_of_a_dataclass_are_its_constructor(read):
    signature = read(
        FUTURE
        + """
        from dataclasses import InitVar, dataclass, field
        from typing import ClassVar
        from .base import Base
        @dataclass(frozen=True)
        class One(Base):
            b: int = 1
            c: list = field(default_factory=list)
            d: int = field(init=False)
            e: int = field(repr=False, default=2)
            f: InitVar[int] = 3
        """.replace("\n        ", "\n"),
        base=FUTURE
        + """
        from dataclasses import dataclass
        from typing import ClassVar
        Size = int
        @dataclass(frozen=True)
        class Base:
            a: Size
            kind: ClassVar[str] = ""
        """.replace("\n        ", "\n"),
    )
    required = {name: parameter.required for name, parameter in signature.parameters.items()}
    assert required == {"a": True, "b": False, "c": False, "e": False, "f": False}
    assert signature.parameters["a"] == Parameter(int, True)


def test_a_decorated_constructor_is_read_behind_its_decorator(read):
    signature = read(
        "from .tools import quiet\nSize = int\nclass One:\n    @quiet\n    def __init__(self, a: 'Size'): ...",
        tools="import functools\ndef quiet(method):\n    @functools.wraps(method)\n"
        "    def wrapped(*args, **kwargs): return method(*args, **kwargs)\n    return wrapped",
    )
    assert annotations(signature) == {"a": int}


def test_what_only_a_type_checker_knows_allows_everything(read):
    signature = read(
        FUTURE + "class One:\n    def __init__(self, a: Unheard, b: int, c: list[Unheard], d: 'a b', **rest: No): ..."
    )
    assert annotations(signature) == {"a": Any, "b": int, "c": Any, "d": Any}
    assert signature.open


@pytest.mark.parametrize(
    "cls", [torch.optim.Adam, torch.optim.SGD, torch.nn.Linear, torch.nn.LeakyReLU, torch.nn.MultiheadAttention]
)
def test_the_classes_of_torch_are_read(cls):
    signature = signature_of(cls)
    assert list(signature.parameters) == list(inspect.signature(cls).parameters)
    assert not signature.open


def targets():
    """Every class of ours that a config of ours names."""
    found = set()
    for file in conf_dir().rglob("*.yaml"):
        found |= {
            line.partition("_target_:")[2].strip() for line in file.read_text().splitlines() if "_target_:" in line
        }
    return sorted(target for target in found if target.startswith("gan_experiments."))


@pytest.mark.parametrize("target", targets())
def test_every_argument_of_ours_is_annotated_by_what_can_be_resolved(target):
    cls = find_class(target)
    assert cls is get_class(target)
    signature = signature_of(cls)
    assert not signature.open
    assert [name for name, annotation in annotations(signature).items() if annotation is Any] == []


def test_every_target_of_a_config_is_found():
    assert len(targets()) > 60
    for group in ("optimizer", "trainer", "callbacks", "logger"):
        for file in (conf_dir() / group).glob("*.yaml"):
            if file.stem != INHERITED:
                for target in _targets(OmegaConf.to_container(compose("train", [f"{group}={file.stem}"]))):
                    assert isinstance(find_class(target), type)


def _targets(value):
    if isinstance(value, dict):
        if "_target_" in value:
            yield value["_target_"]
        for item in value.values():
            yield from _targets(item)


LOSS = Annotated[Component, Slot(("gan_experiments.core.contracts:Loss",), frozenset({"facts"}))]


def test_a_slot_names_the_classes_that_fit():
    from gan_experiments.core.contracts import Generator, Loss

    assert slot_of(LOSS) == slot_of(LOSS | None) == Slot((Loss,), frozenset({"facts"}))
    assert slot_of(nn.Module | int) == Slot((nn.Module,))
    assert slot_of(Generator) == Slot((Generator,), frozenset({"facts"}))
    assert slot_of(int | None) == Slot()


def test_what_the_program_provides_to_a_class_itself_is_known_too():
    from gan_experiments.core.contracts import Generator

    class Backward(Generator):
        provided = ("facts", "forward")

    assert slot_of(Generator, Backward).provided == {"facts", "forward"}


def test_a_system_is_provided_with_its_setup_as_a_whole():
    from gan_experiments.systems.gan import GAN

    class Own(GAN):
        def __init__(self, generator, discriminator, setup, clip: float = 1.0):
            super().__init__(generator, discriminator, setup)

    assert signature_of(Own, slot_of(GAN, Own)).parameters.keys() == {"generator", "discriminator", "clip"}
