"""The tables of a comparison, and how each is written down."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

import rich.box
import rich.markup
import rich.table

from gan_experiments.compare.arms import ArmResult
from gan_experiments.compare.comparison import Comparison
from gan_experiments.compare.report.wording import (
    amount,
    duration,
    needed_text,
    number,
    percent,
    probability,
    spread_text,
)

_MOST_ROWS = 30  # in a terminal


class Table(NamedTuple):
    """A table of texts; the first column names the row.

    Attributes:
        title: What it shows.
        note: How to read it.
        head: Names of the columns.
        rows: Cells.
        brief: The columns that a terminal has room for.
    """

    title: str
    note: str
    head: list[str]
    rows: list[list[str]]
    brief: tuple[int, ...] = ()


def tables(comparison: Comparison) -> list[Table]:
    """Return all tables of a comparison that have a row."""
    made = [_ranking(comparison), _pairs(comparison), _cost(comparison), _differences(comparison)]
    return [table for table in made if table.rows]


def as_markdown(table: Table) -> str:
    """Write a table in Markdown."""
    lines = [table.head, ["---"] + ["---:"] * (len(table.head) - 1), *table.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def as_latex(table: Table) -> str:
    """Write a table in LaTeX, for the package ``booktabs``."""
    rows = [" & ".join(map(_tex, row)) + r" \\" for row in table.rows]
    return "\n".join(
        [
            r"\begin{table}",
            rf"  \caption{{{_tex(table.title)}. {_tex(table.note)}}}",
            rf"  \begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}",
            r"    \toprule",
            "    " + " & ".join(map(_tex, table.head)) + r" \\",
            r"    \midrule",
            *(f"    {row}" for row in rows),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
    )


def as_html(table: Table) -> str:
    """Write a table in HTML; on a narrow screen each row becomes a card."""
    head = "".join(f"<th scope=col>{html.escape(name)}</th>" for name in table.head)
    rows = []
    for name, *cells in table.rows:
        told = zip(table.head[1:], cells, strict=True)
        values = "".join(f'<td data-name="{html.escape(key)}">{html.escape(cell)}</td>' for key, cell in told)
        rows.append(f"<tr><th scope=row>{html.escape(name)}</th>{values}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def as_rich(table: Table) -> rich.table.Table:
    """Make the table for a terminal, of its brief columns."""
    made = rich.table.Table(
        title=rich.markup.escape(table.title), title_justify="left", title_style="bold", box=rich.box.SIMPLE_HEAD
    )
    for place in table.brief:
        name = rich.markup.escape(table.head[place])
        made.add_column(name, justify="right" if place else "left", overflow="fold", no_wrap=place > 0)
    if len(table.rows) > _MOST_ROWS:
        made.caption = f"the first {_MOST_ROWS} of {len(table.rows)}; the others are in the report"
    for row in table.rows[:_MOST_ROWS]:
        made.add_row(*(rich.markup.escape(row[place]) for place in table.brief))
    return made


def _ranking(comparison: Comparison) -> Table:
    name = comparison.measure.name.upper()
    rows = [
        [
            arm.label,
            _counted(arm),
            spread_text(arm.final),
            number(arm.final.median),
            spread_text(arm.best),
            number(arm.best.median),
            number(arm.gap),
        ]
        for arm in comparison.arms
    ]
    order = "more is better" if comparison.measure.higher else "less is better"
    samples = _samples(comparison)
    note = (
        f"Best first, by the median {comparison.measure.figure} {name}; {order}. Mean with its 95 % interval over the "
        f"seeds that did not diverge; median over all, a diverged seed being worse than any figure.{samples} The gap: "
        "how much worse the last row is than the best, which one cannot stop at without having looked."
    )
    head = ["arm", "seeds", f"final {name}", "its median", f"best {name}", "its median", "gap best to last"]
    return Table("Ranking", note, head, rows, brief=(0, 1, 2, 3))


def _counted(arm: ArmResult) -> str:
    missing = len(arm.arm.runs) - arm.count
    told = [f"{arm.diverged} diverged ({percent(arm.diverged / arm.count)})"] if arm.diverged else []
    told += [f"{missing} not counted"] if missing else []
    return f"{arm.count}{', ' if told else ''}{', '.join(told)}"


def _samples(comparison: Comparison) -> str:
    found = {}
    for key in ("samples", "row_samples"):
        counts = {run.noted("evaluation", key) for arm in comparison.arms for run in arm.arm.runs.values()} - {None}
        found[key] = counts.pop() if len(counts) == 1 else None
    if found["samples"] is None or found["row_samples"] is None:
        return ""
    return (
        f" Final: of {found['samples']:,.0f} generated images; best: of rows with {found['row_samples']:,.0f} each, so "
        "the two columns do not compare."
    )


def _pairs(comparison: Comparison) -> Table:
    rows = [
        [
            pair.first if comparison.baseline else f"{pair.first} against {pair.second}",
            pair.verdict,
            needed_text(pair),
            spread_text((pair.difference, pair.low, pair.high)),
            probability(pair.p),
            probability(pair.adjusted),
            percent(pair.improvement),
            f"{pair.seeds[0]} pairs" if pair.paired else f"{pair.seeds[0]} + {pair.seeds[1]}",
        ]
        for pair in comparison.pairs
    ]
    note = (
        f"Difference of the mean {comparison.measure.figure} {comparison.measure.name.upper()} with its 95 % interval, "
        "uncorrected; p of the permutation test, by itself and by Holm's correction for "
        f"{comparison.family} comparison{'s' if comparison.family > 1 else ''}, which the verdict goes by (5 %); the "
        "chance that a seed of the first is better than one of the second. A diverged seed counts as the worst. Seeds: "
        '"n pairs" were compared seed by seed, by flipping signs; "n + n" by shuffling the arms, where flipping the '
        "signs of so few pairs could not reach the level or seeds are missing."
    )
    first = f"against {comparison.baseline}" if comparison.baseline else "pair"
    head = [first, "verdict", "seeds needed", "difference", "p", "p (Holm)", "chance to be better", "seeds"]
    return Table("Pairs", note, head, rows, brief=(0, 1, 3, 5))


def _cost(comparison: Comparison) -> Table:
    rows = [
        [
            arm.label,
            percent(arm.reached),
            amount(arm.reached_images),
            duration(arm.reached_seconds),
            duration(arm.cost["seconds"]),
            amount(arm.cost["images_per_second"]),
            "-" if (memory := arm.cost["peak_memory"]) is None else f"{memory / 2**30:.2f} GiB",
            amount(arm.cost["images"]),
            amount(arm.cost["d_updates"]),
            amount(arm.cost["g_updates"]),
        ]
        for arm in comparison.arms
    ]
    level = f"{comparison.measure.name.upper()} {number(comparison.threshold)}"
    note = (
        f"Seeds that ever reach {level}, and the median real images and training time until then, a seed that does not "
        "taking forever; then medians of finished runs. Times are of training alone, without evaluation."
    )
    head = [
        "arm",
        f"reach {level}",
        "after images",
        "after",
        "time",
        "images/s",
        "memory",
        "images",
        "D steps",
        "G steps",
    ]
    return Table("Cost", note, head, rows)


def _differences(comparison: Comparison) -> Table:
    labels = [arm.label for arm in comparison.arms]
    rows = [[key, *(values[label] for label in labels)] for key, values in comparison.design.differences]
    factor = " and ".join(comparison.design.factors) or "the seed"
    note = f"Every key of the configs, besides {factor} and the seed, that is not the same in all arms."
    return Table("What else differs", note, ["key", *labels], rows)


def _tex(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return re.sub(r"[\\~^&%$#_{}]", lambda found: special.get(found[0], rf"\{found[0]}"), text)
