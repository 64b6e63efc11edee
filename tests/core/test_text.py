import pytest

from gan_experiments.core.text import nearest, show, show_key, suggest


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
