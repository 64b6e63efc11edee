from typing import Annotated, Literal

import pytest
from annotated_types import Interval

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


def test_no_range_is_suggested_for_numbers_that_python_does_not_read():
    assert spelling_hint("1-" + "9" * 5000, int) == ""
