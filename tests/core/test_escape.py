import pytest

from gan_experiments.core.escape import for_csv, for_html, for_markdown, for_plot, for_tex, printable


@pytest.mark.parametrize(
    ("escape", "text", "escaped"),
    [
        (printable, "a b · é", "a b · é"),
        (printable, "\x1b[31m\n\u202e", "\\x1b[31m\\n\\u202e"),
        (for_html, "<a href='x'>\x07", "&lt;a href=&#x27;x&#x27;&gt;\\x07"),
        (for_markdown, "loss=non_saturating [1, 2]", "loss=non_saturating [1, 2]"),
        (for_markdown, "<b>|[x](y)_z_", "&lt;b&gt;\\|[x\\](y)\\_z\\_"),
        (for_csv, "=1", "'=1"),
        (for_csv, "-1.5e3", "-1.5e3"),
        (for_csv, -1, -1),
        (for_csv, "a\rb", "a\\rb"),
        (for_csv, "+loss.a=1", "'+loss.a=1"),
        (for_tex, "50 % of a_b [1]", r"50 \% of a\_b [1]"),
        (for_tex, " [1] \u6f22\x1b", r"{[}1] U+6F22\textbackslash{}x1b"),
        (for_plot, "$x$", r"\$x\$"),
        (for_plot, "_x", " _x"),
    ],
)
def test_text_is_escaped_for_its_output(escape, text, escaped):
    assert escape(text) == escaped
