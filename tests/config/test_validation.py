import pytest
from gan_experiments.config.programs import SampleConfig
from gan_experiments.config.validation import Place, validate
from omegaconf import OmegaConf

from gan_experiments.config.schema import Config


@pytest.fixture
def lines(package):
    """Check a node ``loss`` that holds the class One, in an otherwise empty config."""
    name = package(
        one="""
        from typing import Sequence, Any
        from PACKAGE.base import Base
        class Part:
            def __init__(self, size: int = 1): ...
        class One(Base):
            def __init__(self, given, width: int, scale: float = 1.0, parts: Sequence[Part] = (), free: Any = None): ...
        class Open(Base):
            def __init__(self, **anything): ...
        """,
        base="class Base: ...\nclass Other: ...",
    )

    def check(target="One", places=None, **arguments):
        tree = OmegaConf.create({"loss": {"_target_": f"{name}.one.{target}", **arguments}})
        places = {"loss": Place(f"{name}.base.Base", given=("given",))} if places is None else places
        found = validate(tree, Config, places, [name])
        return [str(problem).replace(f"{name}.", "") for problem in found.problems if problem.key.startswith("loss")]

    check.name = name
    return check


def test_right_arguments_are_no_problem(lines):
    part = {"_target_": f"{lines.name}.one.Part", "size": 2}
    assert lines(width=1, scale=2, parts=[part, part], free={"a": [part]}) == []


def test_every_problem_is_found(lines):
    part = {"_target_": f"{lines.name}.one.Part", "size": "big"}
    assert lines(widht=1, scale="x", parts=[part], given=3, _partial_=True, free=[{"_target_": "os.system"}]) == [
        "loss.widht: no such key; did you mean 'width'? (width, scale, parts, free)",
        "loss.scale: 'x' is not a number",
        "loss.parts[0].size: 'big' is not an integer",
        "loss.given: is given by the program; a config cannot set it",
        "loss._partial_: is not used here: of such keys there is only _target_",
        f"loss.free[0]._target_: 'os.system' is not in the packages a config may name (gan_experiments, torch.nn, "
        f"torch.optim, torchmetrics, pytorch_lightning, {lines.name})",
        "loss.width: missing: an integer",
    ]


def test_targets_are_found_wherever_they_hide(lines):
    evil = {"_target_": "os.system"}
    for free in (evil, [evil], [[{"a": evil}]], {"a": {"b": evil}}):
        assert any("'os.system' is not in" in line for line in lines(width=1, free=free))
    assert any("os.system" in line for line in lines("Open", a={"b": [evil]}))
    assert any("os.system" in line for line in lines("Missing", a={"b": [evil]}))


def test_a_target_may_come_from_an_interpolation(lines, monkeypatch):
    monkeypatch.setenv("EVIL", "os.system")
    assert any("'os.system' is not in" in line for line in lines(width=1, free={"_target_": "${oc.env:EVIL}"}))


def test_the_class_must_fit_the_place(lines):
    assert lines("Part") == ["loss._target_: Part is not a Base"]


def test_an_open_constructor_takes_any_name_but_magic_ones(lines):
    assert lines("Open", a=1, b=[2]) == []
    assert len(lines("Open", _convert_="all", _args_=[1], _recursive_=False)) == 3


def test_a_component_where_a_value_belongs(lines):
    part = {"_target_": f"{lines.name}.one.Part"}
    assert lines(width=part) == ["loss.width: a component is not an integer"]


def test_a_value_where_a_component_belongs():
    found = validate(
        OmegaConf.create({"model": 3, "penalty": {"r1": {"weight": 1}}}), Config, {"penalty.*": Place()}, []
    )
    texts = [str(problem) for problem in found.problems]
    assert "model: 3 is not a component (a mapping with a _target_)" in texts
    assert any(text.startswith("penalty.r1: ") for text in texts)


def test_missing_values_and_broken_interpolations_are_found_together():
    config = {"run": "???", "seed": "${nowhere}", "count": "${oc.env:NO_SUCH_VARIABLE}", "output": "${output}"}
    found = validate(OmegaConf.create(config), SampleConfig, {}, [])
    by_key = {problem.key: problem for problem in found.problems}
    assert set(by_key) == {"run", "seed", "count", "output", "checkpoint", "accelerator", "trusted", "file"}
    assert by_key["run"].missing
    assert not by_key["seed"].missing


def test_control_characters_do_not_reach_the_terminal():
    found = validate(OmegaConf.create({"\x1b[31m\nkey": "\x1b[0m", "seed": "\x1b"}), SampleConfig, {}, [])
    assert all(str(problem).isprintable() for problem in found.problems)


def test_long_values_are_shortened():
    found = validate(OmegaConf.create({"seed": "x" * 10**6, "count": 10**400}), SampleConfig, {}, [])
    assert all(len(str(problem)) < 300 for problem in found.problems)
