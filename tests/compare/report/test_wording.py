import math

import pytest

from gan_experiments.compare.report import wording as words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "diverged"),
        (0.0, "0.000"),
        (0.00012345, "0.00012"),
        (-0.005799, "-0.0058"),
        (-0.5, "-0.500"),
        (3.14159, "3.142"),
        (31.4159, "31.42"),
        (314.159, "314.2"),
        (31415.9, "31,416"),
    ],
)
def test_numbers(value, text):
    assert words.number(value) == text


def test_other_amounts():
    assert [words.duration(value) for value in (None, 5, 300, 8000, math.inf)] == [
        "-",
        "5 s",
        "5.0 min",
        "2.2 h",
        "never",
    ]
    assert [words.amount(value) for value in (None, 12345.6, math.inf)] == ["-", "12,346", "never"]
    assert [words.probability(value) for value in (math.nan, 0.0004, 0.04)] == ["-", "< 0.001", "0.040"]
    assert [words.percent(value) for value in (math.nan, 0.4)] == ["-", "40 %"]
    assert words.spread_text((1.0, math.nan, math.nan)) == "1.000"
    assert words.spread_text((1.0, 0.5, 1.5)) == "1.000 [0.500, 1.500]"


def test_lists():
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed([str(i) for i in range(20)]) == "0, 1, 2, 3, 4, 5, 6 and 13 more"
