from collections.abc import Sequence

from pydantic import ValidationError
from torch import nn

from gan_experiments.config.annotations import model_of
from gan_experiments.config.signatures import Section
from gan_experiments.core.types import PositiveInt


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
