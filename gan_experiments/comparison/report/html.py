"""Renders the report as one HTML file without scripts or external resources."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence

from gan_experiments.comparison.comparison import Comparison
from gan_experiments.comparison.report.measured import measured
from gan_experiments.comparison.report.plots import Plot, plots
from gan_experiments.comparison.report.sample_grids import SampleGrid, sample_grids
from gan_experiments.comparison.report.tables import Table, as_html, tables
from gan_experiments.comparison.report.wording import number, score_name, verdict
from gan_experiments.core.escape import for_html

_MOST_RUNS = 40  # that are shown without a click, and printed

_STYLE = """
:root { color-scheme: light; --ink: #1a1a1a; --soft: #595959; --line: #d0d0d0; --wash: #f5f5f2; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 76rem; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
p { margin: .4rem 0; max-width: 60rem; }
.soft, figcaption { color: var(--soft); font-size: .875rem; }
.verdict { border-left: 5px solid var(--ink); background: var(--wash); padding: .75rem 1rem; margin: 1.25rem 0; }
.verdict p:first-child { font-size: 1.2rem; line-height: 1.4; font-weight: 600; }
.warnings { border-left: 5px double var(--ink); padding: .25rem 1rem; margin: 1.25rem 0; }
.warnings ul { margin: .25rem 0; padding-left: 1.1rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { border-bottom: 2px solid var(--ink); vertical-align: bottom; }
th:first-child { text-align: left; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 2rem; }
.grids { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 1.25rem; }
figure { margin: 0; break-inside: avoid; }
figure img { width: 100%; height: auto; display: block; }
.grids img { image-rendering: pixelated; border: 1px solid var(--line); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--wash); padding: .75rem 1rem; }
pre { font-size: .85rem; }
@media (max-width: 44rem) {
  body { padding: 1rem .9rem 2rem; }
  thead { display: none; }
  tr { display: block; border-bottom: 2px solid var(--ink); padding: .5rem 0; }
  th, td { display: flex; justify-content: space-between; gap: 1rem; padding: .15rem 0; border: 0; }
  tbody th { font-size: 1.05rem; overflow-wrap: anywhere; }
  td::before { content: attr(data-name); color: var(--soft); text-align: left; flex: none; max-width: 45%; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2 { break-after: avoid; }
  tr { break-inside: avoid; }
  table { font-size: 8pt; }
  th, td { padding: .2rem .3rem; }
  .plots { grid-template-columns: 1fr 1fr; gap: 1rem; }
  .grids { grid-template-columns: repeat(3, 1fr); }
  .verdict, pre { background: none; }
}
"""


def page(comparison: Comparison, name: str, provenance: Mapping[str, str]) -> str:
    """Render the report of the study ``name``, with command, software and commits by label: its ``provenance``."""
    ranking, *others = _table_sections(comparison)
    sections = [
        _header(comparison, name),
        _verdict(comparison),
        _warnings(comparison.warnings),
        ranking,
        _plots(plots(comparison)),
        *others,
        _sample_grids(*sample_grids(comparison)),
        _runs(comparison),
        _provenance(provenance),
    ]
    title = for_html(f"{name}: {score_name(comparison)}")
    return (
        "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>\n" + "\n".join(filter(None, sections)) + "\n"
        "</body></html>\n"
    )


def fragment(comparison: Comparison) -> str:
    """Render the verdict, the caveats, the ranking and the first plot, for a notebook."""
    sections = [_verdict(comparison), _warnings(comparison.warnings), *_table_sections(comparison)[:1]]
    return "\n".join(filter(None, [*sections, _plots(plots(comparison)[:1])]))


def _header(comparison: Comparison, name: str) -> str:
    runs = len(comparison.runs)
    factor, arms = " and ".join(comparison.design.factors), len(comparison.arms)
    subtitle = f"{runs} runs{f' in {arms} arms by {factor}' if arms > 1 else ''}, compared by {score_name(comparison)}"
    return f"<header><h1>{for_html(name)}</h1><p class=soft>{for_html(subtitle)}</p></header>"


def _verdict(comparison: Comparison) -> str:
    lines = [f"<p>{for_html(line)}</p>" for line in [*verdict(comparison), *measured(comparison)]]
    return f"<section class=verdict>{''.join(lines)}</section>"


def _warnings(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{for_html(line)}</li>" for line in lines)
    return f"<section class=warnings><h3>Caveats</h3><ul>{items}</ul></section>"


def _table_sections(comparison: Comparison) -> list[str]:
    return [
        f"<section><h2>{for_html(table.title)}</h2><div class=wide>{as_html(table)}</div>"
        f"<p class=soft>{for_html(table.note)}</p></section>"
        for table in tables(comparison)
    ]


def _plots(shown: Sequence[Plot]) -> str:
    figures = "".join(
        f"<figure><h3>{for_html(plot.title)}</h3>{image_tag(plot.svg, 'image/svg+xml', '; '.join(plot.shows))}"
        f"<figcaption>{for_html(plot.caption)}</figcaption></figure>"
        for plot in shown
    )
    return f"<section><h2>Plots</h2><div class=plots>{figures}</div></section>"


def _sample_grids(note: str, grids: Sequence[SampleGrid]) -> str:
    if not grids:
        return ""
    figures = "".join(
        f"<figure><h3>{for_html(grid.label)}</h3>{image_tag(grid.data, grid.media_type, f'samples of {grid.label}')}"
        f"<figcaption>{for_html(grid.caption)}</figcaption></figure>"
        for grid in grids
    )
    return f"<section><h2>Samples</h2><p class=soft>{for_html(note)}</p><div class=grids>{figures}</div></section>"


def _runs(comparison: Comparison) -> str:
    statuses = Counter(run.status for run in comparison.runs)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    text = f"{counts}. runs.csv has more of each, curves.csv a row for each periodic evaluation."
    table = runs_table(comparison)
    shown = f"<summary>the {len(table.rows)} runs by arm</summary><div class=wide>{as_html(table)}</div>"
    is_open = " open" if len(table.rows) <= _MOST_RUNS else ""
    return f"<section><h2>Runs</h2><p>{for_html(text)}</p><details{is_open}>{shown}</details></section>"


def runs_table(comparison: Comparison) -> Table:
    """Return the runs behind the rows of the other tables, in the order of the ranking."""
    head, rows = ["run", "arm", "seed", "status", score_name(comparison)], []
    for arm in comparison.arms:
        for block, run in arm.arm.runs.items():
            value = comparison.criterion.sign * arm.outcomes[block] if block in arm.outcomes else None
            text = f"at best {number(value)}" if run.status == "stopped" else number(value)
            rows.append([run.name, arm.label, str(run.seed), run.status, text])
    return Table("Runs", "", head, rows)


def _provenance(provenance: Mapping[str, str]) -> str:
    lines = "\n".join(for_html(f"{label:<15}{text}") for label, text in provenance.items())
    return f"<section><h2>Provenance</h2><pre>{lines}</pre></section>"


def image_tag(data: bytes, media_type: str, text: str) -> str:
    """Return an image, with what it shows in words, as part of a page."""
    return f'<img alt="{for_html(text)}" src="data:{media_type};base64,{base64.b64encode(data).decode()}">'
