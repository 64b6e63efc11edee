"""The report as one HTML file, which needs neither a network nor a script."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

from gan_experiments.compare.comparison import Comparison
from gan_experiments.compare.report.plots import Plot, plots
from gan_experiments.compare.report.sample_grids import Picture, pictures
from gan_experiments.compare.report.tables import as_html, tables
from gan_experiments.compare.report.wording import measure_name, verdict

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


def page(comparison: Comparison, name: str, made: Mapping[str, str]) -> str:
    """Write the report.

    Args:
        comparison: What to report.
        name: Of the study.
        made: How it was made, by what it is.
    """
    sections = [
        _header(comparison, name),
        _verdict(comparison),
        _warnings(comparison.warnings),
        *(_table_sections(comparison)[:1]),
        _plots(plots(comparison)),
        *(_table_sections(comparison)[1:]),
        _pictures(*pictures(comparison)),
        _runs(comparison),
        _made(made),
    ]
    title = escape(f"{name}: {measure_name(comparison)}")
    return (
        "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>\n" + "\n".join(filter(None, sections)) + "\n"
        "</body></html>\n"
    )


def _header(comparison: Comparison, name: str) -> str:
    runs = sum(len(arm.arm.runs) for arm in comparison.arms)
    factor = " and ".join(comparison.design.factors) or "seed"
    told = f"{runs} runs in {len(comparison.arms)} arms by {factor}, compared by {measure_name(comparison)}"
    return f"<header><h1>{escape(name)}</h1><p class=soft>{escape(told)}</p></header>"


def _verdict(comparison: Comparison) -> str:
    return f"<section class=verdict>{''.join(f'<p>{escape(line)}</p>' for line in verdict(comparison))}</section>"


def _warnings(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<section class=warnings><h3>Before you believe it</h3><ul>{items}</ul></section>"


def _table_sections(comparison: Comparison) -> list[str]:
    return [
        f"<section><h2>{escape(table.title)}</h2><div class=wide>{as_html(table)}</div>"
        f"<p class=soft>{escape(table.note)}</p></section>"
        for table in tables(comparison)
    ]


def _plots(drawn: Sequence[Plot]) -> str:
    figures = "".join(
        f"<figure><h3>{escape(plot.title)}</h3>{_image(plot.svg, 'image/svg+xml', plot.title)}"
        f"<figcaption>{escape(plot.caption)}</figcaption></figure>"
        for plot in drawn
    )
    return f"<section><h2>Plots</h2><div class=plots>{figures}</div></section>"


def _pictures(note: str, found: Sequence[Picture]) -> str:
    if not found:
        return ""
    figures = "".join(
        f"<figure><h3>{escape(picture.label)}</h3>{_image(picture.data, picture.kind, f'samples of {picture.label}')}"
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
        for picture in found
    )
    return f"<section><h2>Samples</h2><p class=soft>{escape(note)}</p><div class=grids>{figures}</div></section>"


def _runs(comparison: Comparison) -> str:
    states: dict[str, int] = {}
    for arm in comparison.arms:
        for run in arm.arm.runs.values():
            states[run.status] = states.get(run.status, 0) + 1
    told = ", ".join(f"{count} {status}" for status, count in sorted(states.items()))
    text = f"{told}. Each is a row of runs.csv; the curves are in curves.csv."
    return f"<section><h2>Runs</h2><p>{escape(text)}</p></section>"


def _made(made: Mapping[str, str]) -> str:
    lines = "\n".join(f"{key:<12}{value}" for key, value in made.items())
    return f"<section><h2>How it was made</h2><pre>{escape(lines)}</pre></section>"


def _image(data: bytes, kind: str, text: str) -> str:
    return f'<img alt="{escape(text)}" src="data:{kind};base64,{base64.b64encode(data).decode()}">'
