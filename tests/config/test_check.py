import dataclasses
from dataclasses import dataclass
from typing import Annotated

import pytest
from omegaconf import OmegaConf

from gan_experiments.config.check import check_config, check_values
from gan_experiments.config.command_schemas import SampleConfig
from gan_experiments.config.schema import Config
from gan_experiments.config.signatures import Component, Section, Slot

HEADER = """
from __future__ import annotations
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, Optional, Protocol, TypedDict, TypeVar, Union
from annotated_types import Interval
from pydantic import StringConstraints
from torch import Tensor, nn
from typing_extensions import Unpack  # of Python 3.11
from gan_experiments.core.checks import Problem
from gan_experiments.core.types import Described, Fraction, PositiveFloat, PositiveInt
import gan_experiments.core.types as types
Names = Literal["a", "b"]
Alias = list[Names]
T = TypeVar("T")
class Part:
    def __init__(self, size: int = 1): ...
class Box(Generic[T]): ...
class Speaks(Protocol):
    def speak(self): ...
@dataclass
class Point:
    x: int
    y: int = 0
class Base: ...
"""
COMPONENT = "a component (a mapping with a _target_)"


@dataclass
class Schema(Section):
    """A config with one component, of any class."""

    node: Annotated[Component, Slot(("builtins:object",), provided=frozenset({"facts"}))]


@pytest.fixture
def lines(package):
    """Check a component of a class One that is defined by ``text``; returns the problems, a line each."""

    def make(text, **arguments):
        name = package(one=HEADER + text)
        node = {"_target_": f"{name}.one.One", **arguments}
        checked = check_config(OmegaConf.create({"node": node}), Schema, [name])
        return [str(problem).replace(f"{name}.one.", "").replace("node.", "", 1) for problem in checked.problems]

    return make


@pytest.fixture
def refused(lines):
    """Hold a value against the annotation of the argument ``key``; returns the problems."""
    return lambda annotation, value: lines(f"class One:\n    def __init__(self, key: {annotation}): ...", key=value)


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        ("int", [1, -3], [1.5, "1", True, None, [1]]),
        ("float", [1, 1.5], ["1", True, None, float("nan"), float("inf")]),
        ("bool", [True], [1, "true", None]),
        ("str", ["", "a"], [1, None, True]),
        ("None", [None], [0, ""]),
        ("Path", ["a/b"], [1, None]),
        ("str | Path", ["a/b"], [1, None]),
        ("PositiveInt", [1], [0, -1, 1.0]),
        ("types.PositiveFloat", [1, 1e-9], [0, -1.0]),
        ("Fraction", [0, 0.5, 1], [-0.1, 1.1]),
        ("Optional[int]", [None, 1], ["a"]),
        ("int | None", [None, 1], ["a"]),
        ("Union[int, str]", [1, "a"], [None, 1.5]),
        ('Literal["a", 1, None]', ["a", 1, None], ["b", 2, True, 1.0]),
        ("Literal[1, 3] | None", [1, 3, None], [True, "1", 3.0]),
        ("Names", ["a"], ["c"]),
        ("Alias", [[], ["a", "b"]], ["a", ["c"], {}]),
        ('"int | None"', [None, 1], ["a"]),
        ("Sequence[PositiveInt]", [[], [1, 2]], [[0], 1, "12"]),
        ("tuple[int, ...]", [[], [1, 2, 3]], [["a"]]),
        ("tuple[int, str]", [[1, "a"]], [[1], [1, 2], [1, "a", 2]]),
        ("Mapping[str, int]", [{}, {"a": 1}], [{"a": "b"}, [], 1]),
        ("list", [[1, "a"]], [1, {}]),
        ("dict", [{"a": []}], [[1]]),
        ("PositiveInt | Literal['auto']", [1, "auto"], [0, "all"]),
        ("list[int] | None", [None, [1]], [["a"], 1]),
        ("float | Tensor", [1, 0.5], ["a", None]),
        ("Annotated[int, Interval(ge=2, lt=4)]", [2, 3], [1, 4]),
        ("Annotated[str, StringConstraints(pattern='^[a-z]+$')]", ["a"], ["A", "", "a\n", 1]),
        ("Any", [1, "a", None, [1], {"a": 1}], []),
        ("Unheard", [1, "a", None, [1], {"a": 1}], []),
        ("T", [1, "a", None], []),
        ("nn.Module", [], [1, "a", None, [1], {"a": 1}]),
        ("nn.Module | None", [None], [1, "a", [1]]),
        ("Callable[[int], str]", [], [1, "a"]),
        ("Point", [], [1, {"x": 1}, [1]]),
    ],
)
def test_values_are_held_against_annotations(annotation, right, wrong, refused):
    assert [value for value in right if refused(annotation, value)] == []
    assert [value for value in wrong if len(refused(annotation, value)) != 1] == []


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        ("PositiveInt", "abc", "'abc' is not an integer >= 1"),
        ("PositiveInt", 2.0, "2.0 is not an integer >= 1; write 2"),
        ("int", "0-3", "'0-3' is not an integer; did you mean range(0,4), in quotes and with -m?"),
        ("int", "3-0", "'3-0' is not an integer"),
        ("PositiveFloat", -1, "-1 is not a number > 0"),
        ("Fraction", 2, "2 is not a number in [0, 1]"),
        ('Literal["linear", "cosine"]', "cosin", "'cosin' is not one of linear, cosine; did you mean 'cosine'?"),
        ("int | None", "x", "'x' is not an integer or null"),
        ("bool", "yes", "'yes' is not true or false"),
        ("Literal[False] | str", True, "true is not false or text"),
        ("str", 3, "3 is not text; write \"'3'\""),
        ("Path", 3, "3 is not text; write \"'3'\""),
        ("tuple[int, int]", [1], "[1] is not a list of 2: an integer, an integer"),
        ("list[int]", 3, "3 is not a list, each an integer"),
        ("dict[str, PositiveInt]", [], "[] is not a mapping, each value an integer >= 1"),
        ("Annotated[str, StringConstraints(pattern='^a$'), Described('an a')]", "b", "'b' is not an a"),
        ("nn.Module", 3, f"3 is not {COMPONENT}"),
        ("Callable[[int], str] | None", 3, f"3 is not {COMPONENT} or null"),
    ],
)
def test_a_refusal_says_what_is_allowed(annotation, value, text, refused):
    assert refused(annotation, value) == [f"key: {text}"]


def test_an_item_of_a_container_is_named(refused):
    assert refused("list[int]", [1, "a"]) == ["key[1]: 'a' is not an integer"]
    assert refused("tuple[int, str]", [1, 2]) == ["key[1]: 2 is not text; write \"'2'\""]
    assert refused("dict[str, list[int]]", {"a": [1, True]}) == ["key.a[1]: true is not an integer"]


CONSTRUCTOR = """
class One(Base):
    def __init__(self, facts, width: int, scale: float = 1.0, parts: Sequence[Part] = (), free: Any = None): ...
"""


def part(**arguments):
    """A component of a class that is always to be had."""
    return {"_target_": "torch.nn.LeakyReLU", **arguments}


def test_right_arguments_are_no_problem(lines):
    text = CONSTRUCTOR.replace("Sequence[Part]", "Sequence[nn.Module]")
    assert lines(text, width=1, scale=2, parts=[part(), part(inplace=True)], free={"a": [part()]}) == []


def test_every_problem_is_found(lines):
    text = CONSTRUCTOR.replace("Sequence[Part]", "Sequence[nn.Module]")
    arguments = {"widht": 1, "scale": "x", "parts": [part(inplace="big")], "facts": 3, "_partial_": True}
    found = lines(text, **arguments, free=[{"_target_": "os.system"}])
    assert sorted(found) == sorted(
        [
            "widht: no such key; did you mean 'width'? (width, scale, parts, free)",
            "scale: 'x' is not a number",
            "parts[0].inplace: 'big' is not true or false",
            "facts: is given by the program; a config cannot set it",
            "_partial_: is not used here: of such keys there is only _target_",
            *(line for line in found if line.startswith("free[0]._target_: 'os.system' is not in the packages")),
            "width: missing: an integer",
        ]
    )
    assert len(found) == 7


def test_a_component_in_one_that_any_annotation_allows_must_fit_too(package):
    name = package(
        one=HEADER
        + "class One:\n    def __init__(self, free: Any): ...\nclass Holder:\n    def __init__(self, part: Part): ..."
    )
    free = {"_target_": f"{name}.one.Holder", "part": part()}
    config = {"node": {"_target_": f"{name}.one.One", "free": [free]}}
    (problem,) = check_config(OmegaConf.create(config), Schema, [name]).problems
    assert str(problem) == f"node.free[0].part._target_: torch.nn.LeakyReLU does not descend from {name}.one.Part"


@pytest.mark.parametrize("evil", [{"_target_": "os.system"}, {"_target_": "${oc.env:EVIL}"}])
def test_targets_are_found_wherever_they_hide(lines, monkeypatch, evil):
    monkeypatch.setenv("EVIL", "os.system")
    for free in (evil, [evil], [[{"a": evil}]], {"a": {"b": evil}}):
        assert any("'os.system' is not in" in line for line in lines(CONSTRUCTOR, width=1, free=free))
        assert lines(CONSTRUCTOR, width=free)
        assert any("os.system" in line for line in lines("class One:\n    def __init__(self, **rest): ...", a=free))
        assert any("os.system" in line for line in lines("class Other: ...", a=free))


def test_an_untrusted_class_is_not_imported(package, tmp_path):
    name = package(__init__="raise RuntimeError('imported')", one="class One: ...")
    for node in ({"_target_": f"{name}.one.One"}, {"_target_": "torch.nn.ReLU", "a": [{"_target_": f"{name}.One"}]}):
        checked = check_config(OmegaConf.create({"node": node}), Schema)
        assert any(f"add trusted=[{name}]" in str(problem) for problem in checked.problems)
        assert not any("imported" in str(problem) for problem in checked.problems)


def test_a_trusted_module_that_cannot_be_imported_is_one_line(lines):
    (line,) = lines("raise RuntimeError('a fault\\n\\x1b[31m')\nclass One: ...", key=3)
    assert line.endswith(".one cannot be imported: RuntimeError: a fault")


def test_the_class_must_fit_its_slot():
    config = OmegaConf.create({"output": part()})
    lines = [str(problem) for problem in check_config(config, SampleConfig).problems]
    assert "output._target_: torch.nn.LeakyReLU does not descend from gan_experiments.sampling.base.Sheet" in lines


@pytest.mark.parametrize(
    ("annotation", "target", "problem"),
    [
        ("nn.Module", "torch.nn.ReLU", None),
        ("nn.Module | int", "torch.nn.ReLU", None),
        ("Callable[[Tensor], Tensor]", "torch.nn.ReLU", None),
        ("Speaks", "torch.nn.ReLU", None),  # a protocol cannot be asked
        ("Speaks | None", "torch.nn.ReLU", None),
        ("Box[int]", "torch.nn.ReLU", "_target_: torch.nn.ReLU does not descend from Box"),
        ("Part", "torch.nn.ReLU", "_target_: torch.nn.ReLU does not descend from Part"),
        ("int", "torch.nn.ReLU", ": a component is not an integer"),
        (
            "list[nn.Module]",
            "torch.nn.ReLU",
            f": a component is not a list, each {COMPONENT}",
        ),
        (
            "dict[str, nn.Module]",
            "torch.nn.ReLU",
            ": several components can be here, each below a name of its own: +node.key.relu._target_=torch.nn.ReLU "
            "(in a file, a line 'relu:' above the indented class)",
        ),
        ("dict[str, int]", "torch.nn.ReLU", ": a component is not a mapping, each value an integer"),
        ("Any", "torch.nn.ReLU", None),
        ("Unheard", "torch.nn.ReLU", None),
    ],
)
def test_a_component_must_fit_its_annotation(refused, annotation, target, problem):
    found = refused(annotation, {"_target_": target})
    assert (
        found == []
        if problem is None
        else [line.removeprefix("key.").removeprefix("key") for line in found] == [problem]
    )


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("list[nn.Module]", [part()]),
        ("Sequence[nn.Module] | None", [part()]),
        ("dict[str, nn.Module]", {"a": part()}),
        ("dict[str, list[nn.Module]]", {"a": [part()]}),
        ("tuple[int, nn.Module]", [1, part()]),
    ],
)
def test_components_in_containers(refused, annotation, value):
    assert refused(annotation, value) == []
    wrong = OmegaConf.to_yaml(OmegaConf.create({"key": value})).replace("torch.nn.LeakyReLU", "torch.optim.Adam")
    (line,) = refused(annotation, OmegaConf.create(wrong).key)
    assert "torch.optim.Adam does not descend from torch.nn.modules.module.Module" in line


def test_a_container_holds_no_magic_key_and_no_plain_value_for_a_component(refused):
    assert refused("dict[str, nn.Module]", {"_args_": part()}) == [
        "key._args_: is not used here: of such keys there is only _target_"
    ]
    assert refused("list[nn.Module]", [part(), 3]) == ["key[1]: 3 is not a component (a mapping with a _target_)"]


def test_an_open_constructor_takes_any_name_but_magic_ones(lines):
    text = "class One:\n    def __init__(self, **anything): ..."
    assert lines(text, a=1, b=[2]) == []
    assert len(lines(text, _convert_="all", _args_=[1], _recursive_=False)) == 3


INHERITED_BASE = """
from typing_extensions import Required, TypedDict
class Base:
    def __init__(self, width: PositiveInt, scale: float = 1): ...
"""
INHERITED = {
    "its own constructor": "class One(Base): ...",
    "kwargs": "class One(Base):\n    def __init__(self, depth: int = 1, **kwargs): super().__init__(**kwargs)",
    "unpacked": """
class Options(TypedDict, total=False):
    width: Required[PositiveInt]
    scale: float
class One:
    def __init__(self, depth: int = 1, **options: Unpack[Options]): ...
""",
}


@pytest.mark.parametrize("text", INHERITED.values(), ids=INHERITED)
def test_inherited_arguments(lines, text):
    text = INHERITED_BASE + text
    assert lines(text, width=2) == []
    assert lines(text, width=0, scale="x") == [
        "width: 0 is not an integer >= 1",
        "scale: 'x' is not a number",
    ]
    (missing,) = lines(text)
    assert missing == "width: missing: an integer >= 1"
    (unknown,) = lines(text, width=2, widht=3)
    assert unknown.startswith("widht: no such key; did you mean 'width'? (")


def test_a_dataclass_is_a_component(lines):
    text = "@dataclass\nclass One:\n    size: PositiveInt\n    name: str = ''"
    assert lines(text, size=1) == []
    assert lines(text, size=0, nam="x") == [
        "size: 0 is not an integer >= 1",
        "nam: no such key; did you mean 'name'? (size, name)",
    ]


RULES = """
class Inner:
    def __init__(self, size: int): ...
    @classmethod
    def check(cls, key, options, config):
        if options["size"] > 3: yield Problem(f"{key}.size", "is too large")
class One:
    def __init__(self, inner: Inner, width: int = 1): ...
    @classmethod
    def check(cls, key, options, config):
        yield Problem(key, f"width is {config.get(key + '.width')}")
        yield Problem(key, f"holds {config.component(key + '.inner').__name__}", warning=True)
"""


def test_every_component_is_asked_for_its_rules(package):
    name = package(one=HEADER + RULES)
    node = {"_target_": f"{name}.one.One", "inner": {"_target_": f"{name}.one.Inner", "size": 4}, "width": "x"}
    checked = check_config(OmegaConf.create({"node": node}), Schema, [name])
    assert [str(problem) for problem in checked.errors] == [
        "node.width: 'x' is not an integer",
        "node: width is None",  # what is refused already is not shown to rules
        "node.inner.size: is too large",
    ]
    assert checked.warnings == ["node: holds Inner"]
    assert {key: cls.__name__ for key, cls in checked.components.items()} == {"node": "One", "node.inner": "Inner"}


def test_a_value_where_a_component_belongs():
    config = OmegaConf.create({"model": 3, "penalty": {"r1": {"weight": 1}}})
    for checked in (check_config(config, Config), check_values(config, Config)):
        texts = [str(problem) for problem in checked.problems]
        assert "model: 3 is not a component (a mapping with a _target_)" in texts
        assert any(text.startswith("penalty.r1: ") for text in texts)


def test_values_alone_look_into_no_component():
    config = OmegaConf.create({"loss": {"_target_": "os.system", "x": 1}, "seed": -1})
    keys = {problem.key for problem in check_values(config, Config).problems if not problem.missing}
    assert keys == {"seed"}


def test_missing_values_and_broken_interpolations_are_found_together():
    config = {"run": "???", "seed": "${nowhere}", "count": "${oc.env:NO_SUCH_VARIABLE}", "file": "${file}"}
    found = check_config(OmegaConf.create(config), SampleConfig)
    by_key = {problem.key: problem for problem in found.problems}
    assert set(by_key) == {
        "run",
        "seed",
        "count",
        "file",
        "checkpoint",
        "accelerator",
        "generator",
        "standing_batches",
        "trusted",
        "output",
    }
    assert by_key["run"].missing
    assert not by_key["seed"].missing


def test_a_class_that_is_missing_is_one_problem():
    config = OmegaConf.create({"node": {"_target_": "???", "x": [1, "???"]}})
    assert [str(problem) for problem in check_config(config, Schema).problems] == [
        "node._target_: missing: it has no default",
        "node.x[1]: missing: it has no default",
    ]


@pytest.mark.parametrize("check", [check_values, check_config])
def test_control_characters_do_not_reach_the_terminal(check):
    config = {
        **{"\x1b[31m\nkey": "\x1b[0m", "seed": "\x1b", "run": "${\x1b}", "file": "${oc.env:'\x1b'}"},
        **{"output": {"_target_": "\x1b[31m"}, "trusted": {"\x1b": "\x1b"}},
    }
    found = check(OmegaConf.create(config), SampleConfig)
    assert len(found.problems) >= 5
    assert all(str(problem).isprintable() for problem in found.problems)


@pytest.mark.parametrize("check", [check_values, check_config])
def test_long_values_are_shortened(check):
    long = "x" * 10**5
    config = {"seed": long, "count": 10**400, "output": {"_target_": f"{long}.{long}"}, "file": f"${{{long}}}"}
    found = check(OmegaConf.create({**config, long: 1, "trusted": {long: long}}), SampleConfig)
    assert len(found.problems) >= 5
    assert all(len(str(problem)) < 600 for problem in found.problems)


@pytest.mark.parametrize("check", [check_values, check_config])
@pytest.mark.parametrize("key", ["seed", "output", "more"])
def test_deep_nesting_is_one_line(check, key):
    value = 1
    for _ in range(60):
        value = {"a": value}
    config = OmegaConf.create({key: value})
    assert all(isinstance(str(problem), str) for problem in check(config, SampleConfig).problems)


@pytest.mark.parametrize("schema", [Config, SampleConfig])
def test_every_field_of_a_schema_is_checked(schema):
    found = check_values(OmegaConf.create({}), schema)
    required = {field.name for field in dataclasses.fields(schema) if field.default_factory is dataclasses.MISSING}
    with_defaults = {"retry", "init_from", "task"}
    assert {problem.key for problem in found.problems} == required - with_defaults
