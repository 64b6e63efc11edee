"""Runs and evaluations as HTML, for notebooks. Imports no torch."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from gan_experiments.comparison.report.html import image_tag
from gan_experiments.comparison.report.plots import svg_of
from gan_experiments.comparison.report.tables import Table, as_html
from gan_experiments.core.clock import duration
from gan_experiments.core.escape import for_html, for_plot
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.metrics_table import CLOCK, Floats, read_metrics
from gan_experiments.runs.results import estimates
from gan_experiments.runs.summary import describe_provenance, shown

_MAX_POINTS = 300  # of a curve
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text, half the size
    "svg.hashsalt": "gan-experiments",  # makes the file reproducible
    "axes.grid": True,
    "grid.alpha": 0.3,
    "font.size": 9,
}


def run_html(run: RunFolder, status: str) -> str:
    """Return the status line, the final values, the curves and the newest sample grid of a run."""
    parts = []
    try:
        with run.reading_record():
            parts += _results(run, status)
        parts.append(_curves(read_metrics(run).numbers()))
    except ConfigError as error:
        parts.append(f"<p>{for_html(str(error))}</p>")
    if grids := list(run.grids().items()):
        seen, file = grids[-1]
        caption = f"samples at {seen:,} images"
        parts.append(image_tag(file.read_bytes(), "image/png", caption) + f"<br><small>{caption}</small>")
    return "\n".join(parts)


def _results(run: RunFolder, status: str) -> list[str]:
    record = run.record()
    seen, budget = record.get("images_seen"), (record.get("budget") or {}).get("images")
    facts = [f"{seen:,} of {budget:,} images"] if seen is not None and budget else []
    facts += [duration(record["seconds"])] if record.get("seconds") else []
    facts += [f"{record['images_per_second']:,.0f} images/s"] if record.get("images_per_second") else []
    facts += [str(record["reason"])] if record.get("reason") else []
    line = " · ".join([status, *facts])
    values = [_values(record)] if record.get("final") else []
    return [f"<p><b>{for_html(line)}</b><br><code>{for_html(shown(run.path))}</code></p>", *values]


def evaluation_html(title: str, record: dict[str, Any]) -> str:
    """Return the values of an evaluation and how they were obtained."""
    return f"<p><b>{for_html(title)}</b></p>\n{_values(record)}"


def _values(record: dict[str, Any]) -> str:
    rows = [
        [name.upper(), *map(_shown, (each.value, each.margin, each.real_baseline))]
        for name, each in estimates(record).items()
    ]
    table = Table("", "", ["metric", "value", "± (95 %)", "perfect generator"], rows)
    lines = "<br>".join(map(for_html, describe_provenance(record.get("evaluation") or {})))
    return f"{as_html(table)}\n<p><small>{lines}</small></p>"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _curves(metrics: dict[str, Floats]) -> str:
    """Draw the first metric of the periodic evaluations, and the losses, over images seen; empty without either."""
    evaluated = [name for name in metrics if name.startswith("metrics/")][:1]
    panels = [evaluated, [name for name in metrics if name.startswith("loss/")]]
    panels = [[name for name in panel if np.isfinite(metrics[name]).any()] for panel in panels]
    panels = [panel for panel in panels if panel]
    if not panels:
        return ""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(4 * len(panels), 2.6), layout="constrained")
        for index, names in enumerate(panels):
            axes = figure.add_subplot(1, len(panels), index + 1)
            for name in names:
                logged = np.isfinite(metrics[name])
                step = max(1, int(logged.sum()) // _MAX_POINTS)
                label = for_plot(name.partition("/")[2])
                axes.plot(metrics[CLOCK][logged][::step], metrics[name][logged][::step], ".-", label=label)
            axes.set_xlabel("real images seen")
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.set_ylabel(for_plot(names[0].partition("/")[2].upper()) if names == evaluated else "loss")
            if len(names) > 1:
                axes.legend()
        return image_tag(svg_of(figure), "image/svg+xml", "curves")
