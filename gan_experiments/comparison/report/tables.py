"""The tables of a comparison, as Markdown, HTML and for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from statistics import median
from typing import NamedTuple

import numpy as np
import rich.box
import rich.markup
import rich.table

from gan_experiments.comparison.arms import ArmResult
from gan_experiments.comparison.comparison import Comparison
from gan_experiments.comparison.published import PublishedResult
from gan_experiments.comparison.report.wording import (
    amount,
    direction,
    duration,
    number,
    percent,
    probability,
    score_name,
    seeds_needed_text,
    spread_text,
)
from gan_experiments.core.escape import for_html, for_markdown, printable
from gan_experiments.runs.findings import TITLES, Finding, findings, title

_MOST_ROWS = 30  # in the terminal


class Table(NamedTuple):
    """A table of texts; the first column names the row, and ``brief`` are the columns shown in the terminal."""

    title: str
    note: str
    head: list[str]
    rows: list[list[str]]
    brief: tuple[int, ...] = ()


def tables(comparison: Comparison) -> list[Table]:
    """Return the tables of a comparison that are not empty."""
    made = [
        _ranking(comparison),
        _crossed(comparison),
        _pairs(comparison),
        published_table(comparison.published),
        _cost(comparison),
        _findings(comparison),
        _differences(comparison),
    ]
    return [table for table in made if table.rows]


def as_markdown(table: Table) -> str:
    """Format a table in Markdown."""
    lines = [table.head, ["---"] + ["---:"] * (len(table.head) - 1), *table.rows]
    return "\n".join("| " + " | ".join(map(for_markdown, line)) + " |" for line in lines)


def as_html(table: Table) -> str:
    """Format a table in HTML; on a narrow screen each row becomes a card."""
    head = "".join(f"<th scope=col>{for_html(name)}</th>" for name in table.head)
    rows = []
    for name, *cells in table.rows:
        named = zip(table.head[1:], cells, strict=True)
        values = "".join(f'<td data-name="{for_html(key)}">{for_html(cell)}</td>' for key, cell in named)
        rows.append(f"<tr><th scope=row>{for_html(name)}</th>{values}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _plain(text: str) -> str:
    return rich.markup.escape(printable(text))


def as_rich(table: Table) -> rich.table.Table:
    """Format the brief columns of a table for the terminal."""
    made = rich.table.Table(
        title=_plain(table.title), title_justify="left", title_style="bold", box=rich.box.SIMPLE_HEAD
    )
    for column in table.brief:
        name = _plain(table.head[column])
        made.add_column(name, justify="right" if column else "left", overflow="fold", no_wrap=column > 0)
    if len(table.rows) > _MOST_ROWS:
        made.caption = f"the first {_MOST_ROWS} of {len(table.rows)} rows; the report has all"
    for row in table.rows[:_MOST_ROWS]:
        made.add_row(*(_plain(row[column]) for column in table.brief))
    return made


def _ranking(comparison: Comparison) -> Table:
    name = comparison.criterion.measure.upper()
    rows = [
        [
            arm.label,
            _counted(arm),
            number(arm.final.median),
            spread_text(arm.final),
            number(arm.best.median),
            spread_text(arm.best),
            number(arm.gap),
        ]
        for arm in comparison.arms
    ]
    note = (
        f"Best first, by the median {score_name(comparison)}; {direction(comparison)}. Final: the final evaluation; "
        f"best: the best periodic evaluation.{_samples(comparison)} The median is that of all seeds, where a diverged "
        "seed is worse than any value; the mean, with its 95 % interval, that of the seeds that did not diverge. Tests "
        "are of means, so an arm may be better than one that ranks before it. Early: finished before the budget was "
        "spent. Stopped: by its curve; it counts as the best that it could have reached, and its arm has no mean. If "
        "values are as skewed as lognormal ones with sigma 1, the interval covers the mean in 82 to 90 % of studies "
        "only. Gap: how much worse the last periodic evaluation is than the best, which is known only in hindsight."
    )
    scores = [f"{statistic} {score} {name}" for score in ("final", "best") for statistic in ("median", "mean")]
    head = ["arm", "seeds", *scores, "best-to-last gap"]
    ranked = head.index(f"median {comparison.criterion.score} {name}")
    head[ranked] += " (rank)"
    return Table("Ranking", note, head, rows, brief=(0, 1, ranked, ranked + 1))


def _counted(arm: ArmResult) -> str:
    missing = len(arm.arm.runs) - arm.count
    diverged = [f"{arm.diverged} diverged ({percent(arm.diverged / arm.count)})"] if arm.diverged else []
    early = sum(run.finished_early for run in arm.arm.runs.values())
    ended = [f"{count} {word}" for count, word in ((early, "early"), (arm.stopped, "stopped")) if count]
    return ", ".join([f"{arm.count}", *diverged, *ended, *([f"{missing} not counted"] if missing else [])])


def _samples(comparison: Comparison) -> str:
    counts = []
    for key in ("samples", "periodic_samples"):
        distinct = {run.recorded(f"evaluation.{key}") for run in comparison.runs} - {None}
        counts.append(distinct.pop() if len(distinct) == 1 else None)
    final, periodic = counts
    if final is None or periodic is None:
        return ""
    return f" They use {final:,.0f} and {periodic:,.0f} generated images, so they are not comparable with each other."


def _crossed(comparison: Comparison) -> Table:
    """Return the scores of a study of two factors, the levels of the first down and of the second across."""
    factors, arms = comparison.design.factors, {arm.arm.levels: arm for arm in comparison.arms}
    if len(factors) != 2:
        return Table("", "", [], [])
    rows, columns = (list(dict.fromkeys(levels)) for levels in zip(*arms, strict=True))
    cells = {key: spread_text(arm.spread(comparison.criterion.score)) for key, arm in arms.items()}
    note = (
        f"Mean {score_name(comparison)} of each arm with its 95 % interval, over the seeds that did not diverge; the "
        "best levels come first. Where columns rank the rows differently, or by other distances, the effect of one "
        "factor may depend on the other; this is not tested."
    )
    head = [f"{factors[0]} (down), {factors[1]} (across)", *columns]
    lines = [[row, *(cells.get((row, column), "-") for column in columns)] for row in rows]
    return Table("Two factors", note, head, lines)


def _pairs(comparison: Comparison) -> Table:
    rows = [
        [
            pair.first if comparison.baseline else f"{pair.first} against {pair.second}",
            pair.verdict,
            seeds_needed_text(pair),
            spread_text((pair.difference, pair.low, pair.high)),
            probability(pair.p),
            probability(pair.adjusted),
            percent(pair.improvement),
            f"{pair.seeds[0]} pairs" if pair.paired else f"{pair.seeds[0]} + {pair.seeds[1]}",
        ]
        for pair in comparison.pairs
    ]
    note = (
        "Seeds needed: estimated seeds per arm for a verdict, if the observed difference is real; not of a sequential "
        "study, which has a plan. Difference: of the "
        f"mean {score_name(comparison)}, with its uncorrected 95 % interval: Welch's t, widened so that it holds for "
        "skewed values as well; none if a seed diverged, open towards an arm with stopped runs, "
        "which count as the best that they could have reached. p: of the same statistic, uncorrected and after Holm's "
        f"correction for {comparison.family} comparison{'s' if comparison.family > 1 else ''}, by which the verdict is "
        "made at the 5 % level. P(better): probability that a seed of the first arm is better than one of the second. "
        'A diverged seed counts as the worst. Seeds: "n pairs" if interval and p value are those of the differences '
        'within seeds, "n + n" if they are those of two separate samples.'
    )
    first = f"against {comparison.baseline}" if comparison.baseline else "pair"
    head = [first, "verdict", "seeds needed", "difference", "p", "p (Holm)", "P(better)", "seeds"]
    return Table("Pairwise tests", note, head, rows, brief=(0, 1, 3, 5))


def published_table(results: Sequence[PublishedResult]) -> Table:
    """Return published values beside measured ones, with the verdicts."""
    rows = [
        [
            each.arm,
            each.measure,
            number(each.published.mean)
            + ("" if each.published.spread is None else f" ± {number(each.published.spread)}"),
            "exact" if each.trials is None else str(each.trials),
            number(float(np.mean(each.values))) if each.values else "-",
            str(len(each.values)),
            spread_text(each.difference),
            number(each.published.tolerance),
            each.verdict,
            each.reason or "-",
        ]
        for each in results
    ]
    note = (
        "Difference: measured minus published, with its 95 % interval: Welch's t, widened so that it holds for skewed "
        "values as well. Inside: the interval lies within the tolerance, which the table of published values lays "
        "down; outside: it lies beyond. Each value is judged by itself."
    )
    head = [
        "arm",
        "measure",
        "published",
        "trials",
        "measured",
        "runs",
        "difference",
        "tolerance",
        "verdict",
        "why not",
    ]
    return Table("Published values", note, head, rows, brief=(0, 1, 2, 4, 8))


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
    level = f"{comparison.criterion.measure.upper()} {number(comparison.threshold)}"
    note = (
        f"Share of seeds with a periodic evaluation that reaches {level}, and the median of real images and training "
        "time until then, over all seeds: never, if half of them do not reach it. The other columns are medians over "
        "finished runs. Times exclude evaluation."
    )
    times = ["images until then", "time until then", "training time", "images/s", "peak memory"]
    head = ["arm", f"reached {level}", *times, "images", "D updates", "G updates"]
    return Table("Cost", note, head, rows)


def _findings(comparison: Comparison) -> Table:
    by_arm = {arm.label: [findings(run.record) for run in arm.arm.runs.values()] for arm in comparison.arms}
    known = {each.name for runs in by_arm.values() for each in chain(*runs)}
    names = [name for name in TITLES if name in known]
    rows = [[label, *(_seeds_with(name, runs) for name in names)] for label, runs in by_arm.items()]
    note = (
        "Failures of training that the failure monitor has named, by how many runs of the arm and from how many images "
        "seen on, the median; over: those in which it did not last. A hyphen: none."
    )
    return Table("Findings", note, ["arm", *(title(name) for name in names)], rows if names else [])


def _seeds_with(name: str, runs: Sequence[Sequence[Finding]]) -> str:
    own = [each for each in chain(*runs) if each.name == name]
    if not own:
        return "-"
    over = sum(each.ended is not None for each in own)
    text = f"{len(own)} of {len(runs)}, from {amount(median(each.began for each in own))} on"
    return text + (f" ({over} over)" if over else "")


def _differences(comparison: Comparison) -> Table:
    labels = [arm.label for arm in comparison.arms]
    rows = [[key, *(values[label] for label in labels)] for key, values in comparison.design.differences.items()]
    factor = " and ".join(comparison.design.factors) or "the seed"
    note = f"Every config key, other than {factor} and the seed, that is not the same in all arms."
    return Table("Other differences", note, ["key", *labels], rows)
