import pytest

from gan_experiments.core.text import (
    csv_of,
    csv_of_columns,
    csv_text,
    first_few,
    first_line,
    key_of,
    nearest,
    printable,
    show,
    show_key,
    suggest,
)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "0"), (2, "0, 1"), (3, "0, 1, 2"), (4, "0, 1, 2, 3"), (5, "0, 1, 2 and 2 more")],
)
def test_many_items_are_cut_to_the_first_few(count, text):
    assert first_few(range(count), 3) == text


def test_the_last_two_can_be_joined_as_in_a_sentence():
    assert [first_few("abc"[:count], 3, last=" and ") for count in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert first_few("abcdefg", 3, last=" and ") == "a, b, c and 4 more"


def test_columns_become_the_same_table_as_their_rows():
    columns = {"=a": ["=1+1", "x,y", None, "-1", 'say "no"'], "b": [1, 1.0, True, None, 1e-9], "c": ["@", *"abcd"]}
    assert csv_of_columns(columns) == csv_text([list(columns), *zip(*columns.values(), strict=True)])


def test_rows_of_different_keys_become_one_table():
    assert csv_of([{"a": 1, "b": None}, {"c": "x,y", "a": 2.5}]) == 'a,b,c\n1,,\n2.5,,"x,y"\n'
    assert csv_of([]) == "\n"
    assert csv_text([[1, "a"], [2, ""]]) == "1,a\n2,\n"


def test_the_nearest_word_is_suggested_whatever_its_case():
    assert nearest("Hinge_los", ["hinge_loss", "none"]) == "hinge_loss"
    assert nearest("xyz", ["hinge_loss", "none"]) is None
    assert suggest("hnge", ["hinge", "none"]) == "; did you mean 'hinge'?"
    assert suggest("xyz", ["hinge", "adam"], listed=True) == " (adam, hinge)"
    assert suggest("xyz", [], listed=True) == " (there are none)"


@pytest.mark.parametrize(("value", "text"), [(None, "null"), (True, "true"), (False, "false"), (3, "3"), ("a", "'a'")])
def test_values_are_shown_as_a_config_writes_them(value, text):
    assert show(value) == text


def test_long_and_unprintable_text_is_made_safe():
    assert len(show("x" * 1000)) == 60
    assert len(show_key("x" * 1000)) < 130
    assert show_key("a.b[0]") == "a.b[0]"
    assert show_key("a\x1b[31m").isprintable()


def test_an_error_is_one_line_that_can_be_printed():
    assert first_line(ValueError("one\ntwo")) == "one"
    assert first_line(ValueError()) == "ValueError"
    assert first_line("a\x1b[31m") == printable("a\x1b[31m") == r"a\x1b[31m"
    assert len(first_line("x" * 1000)) < 250


@pytest.mark.parametrize("line", ["loss=hinge", "+loss=a=b", "++loss=", "~loss", "~loss=hinge"])
def test_the_key_of_an_override(line):
    assert key_of(line) == "loss"
