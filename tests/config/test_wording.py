from typing import Annotated, Literal

import pytest
from annotated_types import Interval

from gan_experiments.config.sections import Budget, Schedule
from gan_experiments.config.wording import describe, spelling_hint
from gan_experiments.core.types import Fraction

Choice = Literal["a", "b"]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[int, Interval(gt=0, lt=3)], "an integer in (0, 3)"),
        (Annotated[float, Interval(lt=3)], "a number < 3"),
        (Annotated[float, Interval(le=3)], "a number <= 3"),
        (Fraction | Literal["auto"], "a number in [0, 1] or 'auto'"),
        (tuple[int, ...], "a list, each an integer"),
        (dict, "a mapping"),
        (Choice | list[Choice] | None, "one of a, b or a list of these or null"),
        (str | list[str], "text or a list, each text"),
    ],
)
def test_an_annotation_in_words(annotation, words):
    assert describe(annotation) == words


@pytest.mark.parametrize(
    ("value", "annotation", "hint"),
    [
        ("64k", int, "write 64000"),
        ("64px", int, "write 64"),
        ("1.5M", int | None, "write 1500000"),
        ("1.5px", int, None),
        ("64px", float, None),
        ([0, 1], Annotated[int, Interval(ge=0)], "of several, -m makes a run of each: 0,1"),
        ([0, 1], int | tuple[int, int], None),
        ("64x64", int, "write 64"),
        ("64 X 96", int | tuple[int, int], "height and width are written [64,96]"),
        ("64x96", int, None),
        ("cosine", Schedule, "did you mean .kind=cosine below it?"),
        ("step", Schedule, ".kind below it is one of constant, linear, cosine"),
        (1000, Budget, "did you mean .images=1000 below it?"),
        (True, str | None, None),
        ("CUDA", Literal["cpu", "gpu"], "did you mean 'gpu'?"),
        ("lr", list[str] | None, "a list of it alone is written [lr]"),
        (3, list[str], None),
        ("lr", Choice | list[Choice], None),
        ("bf16", Literal["32-true", "bf16-mixed", "16-mixed"], "did you mean 'bf16-mixed'?"),
        ("", Literal["alone"], None),
        ("1", Literal["10000a", "10000b"], None),
    ],
)
def test_a_value_that_is_nearly_right_is_said_to_be_written_otherwise(value, annotation, hint):
    assert spelling_hint(value, annotation) == (f"; {hint}" if hint else "")


def test_no_range_is_suggested_for_numbers_that_python_does_not_read():
    assert spelling_hint("1-" + "9" * 5000, int) == ""
