import ast

import pytest

from gan_experiments.config.rules import rule_of
from gan_experiments.config.sources import find_module
from gan_experiments.config.validation import _Walk

HEADER = """
from __future__ import annotations
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Callable, ClassVar, Literal, Optional, Union
from torch import nn
from gan_experiments.core.types import PositiveInt, PositiveFloat, Fraction
import gan_experiments.core.types as types
Names = Literal["a", "b"]
Alias = list[Names]
Endless = "Endless"
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rules_example.py").write_text(HEADER)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield find_module("rules_example")


def refusals(annotation, value, module):
    walk = _Walk({}, (), [])
    walk.value(value, rule_of(ast.parse(annotation, mode="eval").body, module), "key")
    return [problem.text for problem in walk.problems]


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        ("int", [1, -3], [1.5, "1", True, None, [1]]),
        ("float", [1, 1.5], ["1", True, None, float("nan"), float("inf")]),
        ("bool", [True], [1, "true", None]),
        ("str", ["", "a"], [1, None, True]),
        ("None", [None], [0, ""]),
        ("PositiveInt", [1], [0, -1, 1.0]),
        ("types.PositiveFloat", [1, 1e-9], [0, -1.0]),
        ("Fraction", [0, 0.5, 1], [-0.1, 1.1]),
        ("Optional[int]", [None, 1], ["a"]),
        ("int | None", [None, 1], ["a"]),
        ("Union[int, str]", [1, "a"], [None, 1.5]),
        ('Literal["a", 1, None]', ["a", 1, None], ["b", True, 2]),
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
        ("ClassVar[int]", [1], ["a"]),
        ("Annotated[int, types.Range(low=2, high=4, high_open=True)]", [2, 3], [1, 4]),
        ("Annotated[str, types.Pattern('[a-z]+', 'small letters')]", ["a"], ["A", "", "a\n", 1]),
    ],
)
def test_values_are_held_against_annotations(annotation, right, wrong, module):
    assert [value for value in right if refusals(annotation, value, module)] == []
    assert [value for value in wrong if not refusals(annotation, value, module)] == []


@pytest.mark.parametrize(
    "annotation", ["Any", "nn.Module", "Unheard", "int | nn.Module", "Callable[[int], str]", "Endless"]
)
def test_what_is_not_understood_allows_everything(annotation, module):
    assert not any(refusals(annotation, value, module) for value in (1, "a", None, [1], {"a": 1}))


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        ("PositiveInt", "abc", "'abc' is not an integer >= 1"),
        ("PositiveInt", 2.0, "2.0 is not an integer >= 1; write 2"),
        ("PositiveFloat", -1, "-1 is not a number > 0"),
        ("Fraction", 2, "2 is not a number in [0, 1]"),
        ('Literal["linear", "cosine"]', "cosin", "'cosin' is not one of linear, cosine; did you mean 'cosine'?"),
        ("int | None", "x", "'x' is not an integer or null"),
        ("bool", "yes", "'yes' is not true or false"),
        ("str", 3, "3 is not text; write \"'3'\""),
    ],
)
def test_a_refusal_says_what_is_allowed(annotation, value, text, module):
    assert refusals(annotation, value, module) == [text]
