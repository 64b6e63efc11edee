"""Tables as LaTeX, no wider than the page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from gan_experiments.comparison.report.tables import Table
from gan_experiments.core.escape import for_tex

PACKAGES = ("booktabs", "graphicx")
_HEAD, _NAME = 12, 24  # characters in a line of the head and of the first column
# The width of a table that fits, or that of the text, to which a wider one is scaled down.
_WIDTH = r"\ifdim\width>\linewidth\linewidth\else\width\fi"


def as_latex(table: Table) -> str:
    """Format a table in LaTeX, with the packages ``booktabs`` and ``graphicx``.

    Columns of which all rows say the same become part of the note, long names and heads are broken into lines, and what
    is still too wide for the text is scaled down.
    """
    columns = list(zip(table.head, *table.rows, strict=True))
    said_once = [column for column in columns[1:] if len(table.rows) > 1 and len(set(column[1:])) == 1]
    note = f"In all rows: {'; '.join(f'{name} {cell}' for name, cell, *_ in said_once)}. " if said_once else ""
    head, *rows = zip(*(column for column in columns if column not in said_once), strict=True)
    lines = [_row([_broken(head[0], _HEAD, "b", "l"), *(_broken(name, _HEAD, "b", "r") for name in head[1:])])]
    lines += [r"    \midrule", *(_row([_broken(name, _NAME, "t", "l"), *map(for_tex, cells)]) for name, *cells in rows)]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"  \caption{{{for_tex(table.title)}}}",
            rf"  \resizebox{{{_WIDTH}}}{{!}}{{%",
            rf"  \begin{{tabular}}{{@{{}}l{'r' * (len(head) - 1)}@{{}}}}",
            r"    \toprule",
            *lines,
            r"    \bottomrule",
            r"  \end{tabular}}",
            rf"  \par\smallskip\raggedright {for_tex(note + table.note)}",
            r"\end{table}",
        ]
    )


def _row(cells: Sequence[str]) -> str:
    return f"    {' & '.join(cells)} " + r"\\"


def _broken(text: str, width: int, at: str, side: str) -> str:
    """Return a cell, broken into lines between words if it is long; its top (``t``) or bottom (``b``) is in the row."""
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    if len(lines) < 2:
        return for_tex(text)
    stacked = (r" \\ \quad " if at == "t" else r" \\ ").join(map(for_tex, lines))
    return rf"\begin{{tabular}}[{at}]{{@{{}}{side}@{{}}}}{stacked}\end{{tabular}}"
