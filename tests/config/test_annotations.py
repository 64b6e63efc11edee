from collections.abc import Sequence
from typing import Annotated, Literal

import pytest
from annotated_types import Interval
from pydantic import ValidationError
from torch import nn

from gan_experiments.config.annotations import Component, Section, describe, model_of, slot_of
from gan_experiments.config.signatures import Slot
from gan_experiments.core.types import Fraction, PositiveInt

LOSS = Annotated[Component, Slot(("gan_experiments.core.contracts:Loss",), frozenset({"facts"}))]


class Inner(Section):
    def __init__(self, size: PositiveInt = 1): ...


class Outer(Section):
    def __init__(self, inner: Inner | None, part: nn.Module, sizes: Sequence[PositiveInt] = (), schema: str = ""): ...


def errors(**arguments):
    """Return the place and the text of each error, and what has been noted on the way."""
    noted = {}
    try:
        model_of(Outer).model_validate(arguments, context=noted)
    except ValidationError as error:
        return [(detail["loc"], detail["msg"]) for detail in error.errors()], noted
    return [], noted


def test_sections_and_components_are_noted_and_not_looked_into():
    inner, part = {"size": "wrong"}, {"_target_": "os.system"}
    assert errors(inner=inner, part=part) == ([], {id(inner): Inner | None, id(part): nn.Module})


def test_an_error_has_its_place_and_our_words():
    found, _ = errors(inner=3, part={"_target_": "x"}, sizes=[1, 0], schema=1)
    assert found == [
        (("inner",), "3 is not a mapping of size or null; did you mean .size=3 below it?"),
        (("sizes", 1), "0 is not an integer >= 1"),
        (("schema",), "1 is not text; write \"'1'\""),  # a name that pydantic keeps for itself
    ]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[int, Interval(gt=0, lt=3)], "an integer in (0, 3)"),
        (Annotated[float, Interval(lt=3)], "a number < 3"),
        (Annotated[float, Interval(le=3)], "a number <= 3"),
        (Fraction | Literal["auto"], "a number in [0, 1] or 'auto'"),
        (tuple[int, ...], "a list, each an integer"),
        (dict, "a mapping"),
    ],
)
def test_an_annotation_in_words(annotation, words):
    assert describe(annotation) == words


def test_a_slot_names_the_classes_that_fit():
    from gan_experiments.core.contracts import Generator, Loss

    assert slot_of(LOSS) == slot_of(LOSS | None) == Slot((Loss,), frozenset({"facts"}))
    assert slot_of(nn.Module | int) == Slot((nn.Module,))
    assert slot_of(Generator) == Slot((Generator,), frozenset({"facts"}))
    assert slot_of(int | None) == Slot()
