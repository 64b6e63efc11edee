"""Escapes text that may be a stranger's for where it is written: one function for each kind of output.

Names of files, classes and runs, and values of configs, hold whatever characters somebody chose. ``printable`` comes
first in all of them: an escape sequence, a line break or a mark that turns the direction of writing becomes visible.
"""

from __future__ import annotations

import html
import re
from typing import Any


def printable(text: str) -> str:
    """Return a text with its control characters escaped: a terminal would obey them."""
    return text if text.isprintable() else repr(text)[1:-1]


def for_html(text: str) -> str:
    """Return a text as HTML, for content and for attributes in quotes."""
    return html.escape(printable(text))


def for_markdown(text: str) -> str:
    """Return a text as Markdown without markup: HTML, links, emphasis, cells of a table. Underscores in words stay."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*|~$]|\](?=[(\[:]))", r"\\\1", text)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)


def for_csv(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula, which then begins with an apostrophe, nor for two rows."""
    if not isinstance(cell, str):
        return cell
    cell = cell.replace("\r", "\\r")  # which the csv module puts into quotes on newer versions of Python only
    if not cell.startswith(("=", "+", "-", "@", "\t", "\n")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def for_tex(text: str) -> str:
    """Return a text as LaTeX that any engine compiles; a letter of another script becomes its code point."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    text = re.sub(r"[\\~^&%$#_{}]", lambda match: special.get(match[0], rf"\{match[0]}"), printable(text))
    text = re.sub(r"^ *([\[*])", r"{\1}", text)  # after the end of a row it would be an option of that
    return re.sub(r"[^\x20-\u017f\u2000-\u22ff]", lambda match: f"U+{ord(match[0]):04X}", text)


def for_plot(text: str) -> str:
    """Return a text for matplotlib: no formula, and no label that a legend leaves out."""
    text = printable(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
