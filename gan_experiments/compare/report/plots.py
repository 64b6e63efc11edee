"""The plots of a comparison, told apart without colour as well."""

from __future__ import annotations

import io
import math
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

from gan_experiments.compare import statistics
from gan_experiments.compare.arms import ArmResult, Measure
from gan_experiments.compare.collect import Floats
from gan_experiments.compare.comparison import Comparison
from gan_experiments.compare.design import Arm

_MOST_LINES = 8  # in one plot
_MOST_ROWS = 40
_BAND = (0.1, 0.9)
_WIDTH = 5.0  # inches, which a phone shows at three quarters of its size
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C8C00")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)), (0, (3, 3)))
_MARKERS = "osD^vPX*"
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "gan-compare",  # the same study makes the same file
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


class Plot(NamedTuple):
    """A picture with words.

    Attributes:
        title: What it shows.
        caption: How to read it.
        svg: The picture.
    """

    title: str
    caption: str
    svg: bytes


class _Line(NamedTuple):
    """The middle of an arm's curves and the band around it, by images and by seconds; ``inf`` once most diverged."""

    images: Floats
    seconds: Floats
    middle: Floats
    low: Floats
    high: Floats


def plots(comparison: Comparison) -> list[Plot]:
    """Draw everything that there is data for."""
    made: list[Plot | None] = []
    with mpl.rc_context(_SETTINGS):
        made += [_curves(comparison, "images"), _curves(comparison, "seconds")]
        made += [_distribution(comparison), _cost(comparison), _search(comparison)]
    return [plot for plot in made if plot is not None]


def _curves(comparison: Comparison, axis: str) -> Plot | None:
    measure = comparison.measure
    shown = [arm for arm in comparison.arms if arm.count][:_MOST_LINES]
    lines = [(arm, line) for arm in shown if (line := _line(arm.arm, measure)) is not None]
    if axis == "seconds":
        lines = [(arm, line) for arm, line in lines if not np.isnan(line.seconds).all()]
    if not lines:
        return None
    figure, axes = _figure(3.6)
    for arm, line in lines:
        place = comparison.arms.index(arm)
        x = line.images if axis == "images" else line.seconds
        finite = np.isfinite(line.middle)
        style = _style(place)
        axes.plot(x[finite], line.middle[finite], label=arm.label, markevery=max(1, len(x) // 8), **style)
        known = np.isfinite(line.low) & np.isfinite(line.high)
        axes.fill_between(x, line.low, line.high, where=known.tolist(), color=style["color"], alpha=0.13, linewidth=0)
    _scale(axes, np.concatenate([line.middle for _, line in lines]))
    axes.set_xlabel("real images seen" if axis == "images" else "training seconds")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_ylabel(_axis_name(measure))
    _legend(figure, axes)
    omitted = f" The best {_MOST_LINES} arms." if len(comparison.arms) > _MOST_LINES else ""
    caption = (
        f"{measure.name.upper()} of the rows along the run: the median seed, and the band of the middle 80 % of seeds. "
        "A diverged seed counts as the worst from where it ends: beyond, a band that reaches it is not drawn, nor is a "
        f"median.{omitted}"
    )
    return Plot(
        f"{measure.name.upper()} by {'images seen' if axis == 'images' else 'training time'}", caption, _svg(figure)
    )


def _line(arm: Arm, measure: Measure) -> _Line | None:
    """Join the curves of an arm's seeds at the clock values of those that finished."""
    ended = [run for run in arm.runs.values() if run.status in ("finished", "diverged")]
    curves = [(run.status, curve) for run in ended if (curve := run.curves.get(measure.name)) is not None]
    images = np.unique(np.concatenate([curve.images for _, curve in curves])) if curves else np.empty(0)
    if not len(images):
        return None
    table, times = np.full((2, len(ended), len(images)), np.nan)
    for row, run in enumerate(ended):
        curve = run.curves.get(measure.name)
        if run.status == "diverged":
            table[row] = np.inf  # before its first row as well, if it has none
        if curve is not None:
            places = np.searchsorted(images, curve.images)
            table[row, places] = np.where(
                np.isfinite(curve.values), -curve.values if measure.higher else curve.values, np.inf
            )
            table[row, : places[0]] = np.nan
            times[row, places] = curve.seconds
    kept = (~np.isnan(table)).sum(axis=0) * 2 > len(ended)
    table, images = table[:, kept], images[kept]
    if not len(images):
        return None
    low, middle, high = _quantiles(table)
    sign = -1.0 if measure.higher else 1.0
    low, high = (sign * high, sign * low) if measure.higher else (low, high)
    seconds = np.array([np.nanmedian(column) if np.isfinite(column).any() else np.nan for column in times[:, kept].T])
    return _Line(images, seconds, sign * middle, low, high)


def _quantiles(table: Floats) -> list[Floats]:
    """Return low, middle and high of each column: an interpolated quantile, infinite if it touches an infinity."""
    found = []
    for quantile in (_BAND[0], 0.5, _BAND[1]):
        column_values = []
        for column in table.T:
            ordered = np.sort(column[~np.isnan(column)])
            place = quantile * (len(ordered) - 1)
            below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
            share = place - math.floor(place)
            column_values.append(
                below if share == 0 else below + share * (above - below) if math.isfinite(above) else above
            )
        found.append(np.array(column_values))
    return found


def _distribution(comparison: Comparison) -> Plot:
    arms = [arm for arm in comparison.arms if arm.count][:_MOST_ROWS]
    sign = -1.0 if comparison.measure.higher else 1.0
    figure, axes = _figure(1.1 + 0.42 * len(arms))
    finite = [value for arm in arms for value in arm.outcomes.values() if math.isfinite(value)]
    for row, arm in enumerate(arms):
        values = np.array(list(arm.outcomes.values()))
        there = sign * values[np.isfinite(values)]
        offsets = 0.16 * np.cos(np.pi * np.arange(len(there)))
        axes.plot(there, row + offsets, "o", color="#333333", markerfacecolor="none", markersize=5, linestyle="none")
        spread = arm.final_or_best(comparison.measure.figure)
        if not math.isnan(spread.low):
            axes.plot([spread.low, spread.high], [row, row], "-", color="#0072B2", linewidth=2.5, alpha=0.8)
            axes.plot([spread.mean], [row], "|", color="#0072B2", markersize=16, markeredgewidth=2.5)
    _scale(axes, sign * np.array(finite), axis="x")
    lost = [f"\n{arm.diverged} of {arm.count} diverged" if arm.diverged else "" for arm in arms]
    axes.set_yticks(range(len(arms)), [_short(arm.label) + text for arm, text in zip(arms, lost, strict=True)])
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.set_xlabel(f"{comparison.measure.figure} {_axis_name(comparison.measure)}")
    caption = "A circle is a seed; the bar is the mean with its 95 % interval, over the seeds that did not diverge."
    return Plot("Distribution over seeds", caption, _svg(figure))


def _cost(comparison: Comparison) -> Plot | None:
    shown: list[tuple[int, ArmResult, float]] = []
    for place, arm in enumerate(comparison.arms[:_MOST_ROWS]):
        seconds = arm.cost["seconds"]
        if seconds is not None and math.isfinite(arm.final_or_best(comparison.measure.figure).median):
            shown.append((place, arm, seconds))
    if not shown:
        return None
    figure, axes = _figure(3.6)
    for place, arm, seconds in shown:
        style = _style(place) | {"linestyle": "none", "markersize": 8}
        axes.plot([seconds], [arm.final_or_best(comparison.measure.figure).median], label=arm.label, **style)
    _scale(axes, np.array([arm.final_or_best(comparison.measure.figure).median for _, arm, _ in shown]))
    axes.set_xlim(left=0, right=1.1 * max(seconds for *_, seconds in shown))
    axes.set_xlabel("training seconds of a run")
    axes.set_ylabel(f"{comparison.measure.figure} {_axis_name(comparison.measure)}")
    if len(shown) <= 2 * _MOST_LINES:
        _legend(figure, axes)
    better = "top" if comparison.measure.higher else "bottom"
    return Plot("Quality against cost", f"The median seed of each arm; the {better} left corner is best.", _svg(figure))


def _search(comparison: Comparison) -> Plot | None:
    """Draw what a search of so many trials may expect, if the study is one."""
    if not comparison.design.within:
        return None
    figure, axes = _figure(3.6)
    sign = -1.0 if comparison.measure.higher else 1.0
    drawn = []
    for place, arm in enumerate(comparison.arms[:_MOST_LINES]):
        values = list(arm.outcomes.values())
        values += [math.inf for run in arm.arm.runs.values() if run.status == "pruned"]
        if len(values) > 1 and any(map(math.isfinite, values)):
            best = sign * statistics.expected_best(values)
            every = max(1, len(best) // 8)
            axes.plot(np.arange(1, len(best) + 1), best, label=arm.label, markevery=every, **_style(place))
            drawn.append(best)
    if not drawn:
        return None
    _scale(axes, np.concatenate(drawn))
    axes.set_xlabel("trials")
    axes.set_ylabel(f"expected best {comparison.measure.figure} {_axis_name(comparison.measure)}")
    _legend(figure, axes)
    caption = (
        "What the best of so many trials is expected to reach (Dodge et al. 2019; Lucic et al. 2018): arms that were "
        "searched for longer have better bests. Exact for independent draws; a trial that has diverged or was pruned "
        "counts as the worst of its arm."
    )
    return Plot("Best figure against the number of trials", caption, _svg(figure))


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def _style(place: int) -> dict[str, Any]:
    index = place % _MOST_LINES
    look = {"color": _COLOURS[index], "linestyle": _DASHES[index], "marker": _MARKERS[index]}
    return look | {"markersize": 5, "linewidth": 1.6}


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    columns = 1 if max(map(len, labels)) > 22 else 2
    names = [_short(label) for label in labels]
    figure.legend(handles, names, loc="outside lower center", ncols=columns, handlelength=4, fontsize=9)


def _scale(axes: Axes, values: Floats, axis: str = "y") -> None:
    """Take a logarithmic axis for values over more than an order of magnitude."""
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() > 10 * finite.min():
        (axes.set_yscale if axis == "y" else axes.set_xscale)("log")
        scaled = axes.yaxis if axis == "y" else axes.xaxis
        scaled.set_major_locator(LogLocator(subs=(1, 2, 5)))
        scaled.set_major_formatter("{x:g}")
        scaled.set_minor_formatter(NullFormatter())


def _axis_name(measure: Measure) -> str:
    return f"{measure.name.upper()} ({'more' if measure.higher else 'less'} is better)"


def _short(label: str) -> str:
    return label if len(label) <= 32 else f"{label[:29]}..."


def _svg(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
