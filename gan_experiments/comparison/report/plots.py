"""The plots of a comparison; lines differ in dash and marker as well as in colour."""

from __future__ import annotations

import io
import math
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

from gan_experiments.comparison import statistics
from gan_experiments.comparison.arms import ArmResult
from gan_experiments.comparison.comparison import Comparison
from gan_experiments.comparison.curves import middle_curve
from gan_experiments.comparison.report.wording import direction, duration, number, score_name, spread_text
from gan_experiments.core.escape import for_plot
from gan_experiments.runs.metrics_table import Floats

_MOST_LINES = 8  # in one plot
_MOST_ROWS = 40
_WIDTH = 5.0  # inches; readable on a phone, which scales it to three quarters
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C8C00")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)), (0, (3, 3)))
_MARKERS = "osD^vPX*"
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "gan-compare",  # makes the file reproducible
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


class Plot(NamedTuple):
    """A plot, how to read it, and what it shows in words: in general, then each part."""

    title: str
    caption: str
    shows: list[str]
    svg: bytes


def plots(comparison: Comparison) -> list[Plot]:
    """Draw every plot for which there is data."""
    with mpl.rc_context(_SETTINGS):
        made = [_curves(comparison, "images"), _curves(comparison, "seconds"), _distribution(comparison)]
        made += [_effects(comparison), _cost(comparison), _search(comparison)]
    return [plot for plot in made if plot is not None]


def _curves(comparison: Comparison, axis: str) -> Plot | None:
    criterion = comparison.criterion
    shown = [arm for arm in comparison.arms if arm.count][:_MOST_LINES]
    lines = [(arm, line) for arm in shown if (line := middle_curve(arm.arm, criterion)) is not None]
    if axis == "seconds":
        lines = [(arm, line) for arm, line in lines if not np.isnan(line.seconds).all()]
    if not lines:
        return None
    figure, axes = _figure(3.6)
    for arm, line in lines:
        x = line.images if axis == "images" else line.seconds
        finite = np.isfinite(line.middle)
        style = _style(comparison.arms.index(arm))
        axes.plot(x[finite], line.middle[finite], label=_short(arm.label), markevery=max(1, len(x) // 8), **style)
        known = np.isfinite(line.low) & np.isfinite(line.high)
        axes.fill_between(x, line.low, line.high, where=known.tolist(), color=style["color"], alpha=0.13, linewidth=0)
    _scale(axes, np.concatenate([line.middle for _, line in lines]))
    axes.set_xlabel("real images seen" if axis == "images" else "training seconds")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    name = criterion.measure.upper()
    axes.set_ylabel(for_plot(f"{name} ({direction(comparison)})"))
    _legend(figure, axes)
    stopped = " A stopped seed is left out from its end on." if any(arm.stopped for arm, _ in lines) else ""
    omitted = f" Only the best {_MOST_LINES} arms are shown." if len(comparison.arms) > _MOST_LINES else ""
    caption = (
        f"Periodic evaluations of {name}: median over seeds, and band of the middle 80 % of seeds. A diverged seed "
        f"counts as the worst from its end on; a band or median that includes it is not drawn.{stopped}{omitted}"
    )
    title = f"{name} over {'images seen' if axis == 'images' else 'training time'}"
    ends = [f"{arm.label} {number(float(line.middle[-1]))}" for arm, line in lines]
    return Plot(title, caption, [f"Lines of {title}; at the end", *ends], svg_of(figure))


def _distribution(comparison: Comparison) -> Plot:
    arms = [arm for arm in comparison.arms if arm.count][:_MOST_ROWS]
    sign = comparison.criterion.sign
    figure, axes = _figure(1.1 + 0.42 * len(arms))
    finite = [value for arm in arms for value in arm.outcomes.values() if math.isfinite(value)]
    for row, arm in enumerate(arms):
        values = np.array(list(arm.outcomes.values()))
        dots = sign * values[np.isfinite(values)]
        offsets = 0.16 * np.cos(np.pi * np.arange(len(dots)))
        axes.plot(dots, row + offsets, "o", color="#333333", markerfacecolor="none", markersize=5, linestyle="none")
        spread = arm.spread(comparison.criterion.score)
        if not math.isnan(spread.low):
            axes.plot([spread.low, spread.high], [row, row], "-", color="#0072B2", linewidth=2.5, alpha=0.8)
            axes.plot([spread.mean], [row], "|", color="#0072B2", markersize=16, markeredgewidth=2.5)
    _scale(axes, sign * np.array(finite), axis="x")
    ends = [((arm.diverged, "diverged"), (arm.stopped, "stopped")) for arm in arms]
    lost = [
        "".join(f"\n{n} of {arm.count} {word}" for n, word in each if n) for arm, each in zip(arms, ends, strict=True)
    ]
    axes.set_yticks(range(len(arms)), [_short(arm.label) + text for arm, text in zip(arms, lost, strict=True)])
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.set_xlabel(_score_axis(comparison))
    caption = (
        "A circle is a seed, a stopped one at the best that it could have reached; the bar is the mean with its 95 % "
        "interval over the seeds that did not diverge."
    )
    texts = [f"{arm.label} {', '.join(number(sign * value) for value in arm.outcomes.values())}" for arm in arms]
    return Plot("Distribution over seeds", caption, ["Circles, one for each seed", *texts], svg_of(figure))


def _effects(comparison: Comparison) -> Plot | None:
    """Draw the difference of each pair with its interval."""
    pairs = [pair for pair in comparison.pairs if not math.isnan(pair.low)][:_MOST_ROWS]
    if not pairs:
        return None
    figure, axes = _figure(1.1 + (0.3 if comparison.baseline else 0.42) * len(pairs))
    axes.axvline(0, color="#333333", linewidth=1)
    ends = np.array([(pair.low, pair.high) for pair in pairs])
    if np.isinf(ends).any():  # towards arms with stopped runs
        middles = [pair.difference for pair in pairs]
        edge = 1.1 * np.abs([*ends[np.isfinite(ends)], *middles]).max(initial=1e-9)
        axes.set_xlim(-edge, edge)
        ends = np.clip(ends, -edge, edge)
    for row, pair in enumerate(pairs):
        decided = pair.verdict in (statistics.BETTER, statistics.WORSE)
        axes.plot(ends[row], [row, row], "-", color="#0072B2", linewidth=2.5 if decided else 1.2)
        axes.plot([pair.difference], [row], "D", color="#0072B2", mfc="#0072B2" if decided else "w", markersize=6)
    labels = [_short(p.first) + ("" if comparison.baseline else f"\nagainst {_short(p.second)}") for p in pairs]
    axes.set_yticks(range(len(pairs)), labels)
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    against = f" against {comparison.baseline}" if comparison.baseline else ""
    better = "right" if comparison.criterion.higher_is_better else "left"
    axes.set_xlabel(for_plot(f"difference of {score_name(comparison)}{against}"))
    caption = (
        f"Difference of the means with its uncorrected 95 % interval: {better} of 0 the first arm is better. A filled "
        "diamond on a thick line is a verdict, a hollow one is none. Runs were stopped where a line has no end."
    )
    texts = [f"{p.first} against {p.second} {spread_text((p.difference, p.low, p.high))}" for p in pairs]
    return Plot("Differences between arms", caption, ["Differences with their intervals", *texts], svg_of(figure))


def _cost(comparison: Comparison) -> Plot | None:
    shown: list[tuple[int, ArmResult, float, float]] = []
    for rank, arm in enumerate(comparison.arms[:_MOST_ROWS]):
        seconds, median = arm.cost["seconds"], arm.spread(comparison.criterion.score).median
        if seconds is not None and math.isfinite(median):
            shown.append((rank, arm, seconds, median))
    if not shown:
        return None
    figure, axes = _figure(3.6)
    numbered = len(shown) > _MOST_LINES  # more than there are markers
    for rank, arm, seconds, median in shown:
        own: dict[str, Any] = {"color": "#333333", "marker": "o", "markersize": 4} if numbered else {"markersize": 8}
        axes.plot([seconds], [median], label=_short(arm.label), **_style(rank) | {"linestyle": "none"} | own)
        if numbered:
            axes.annotate(f"  {rank + 1}  ", (seconds, median), va="center", ha=("left", "right")[rank % 2], fontsize=8)
    _scale(axes, np.array([median for *_, median in shown]))
    axes.set_xlim(left=0, right=1.1 * max(seconds for _, _, seconds, _ in shown))
    axes.set_xlabel("training seconds of a run")
    axes.set_ylabel(_score_axis(comparison))
    if not numbered:
        _legend(figure, axes)
    corner = "top" if comparison.criterion.higher_is_better else "bottom"
    ranks = " A number is the place of an arm in the ranking." if numbered else ""
    caption = f"Median seed of each arm; the {corner} left corner is best.{ranks}"
    texts = [f"{arm.label} {number(median)} after {duration(seconds)}" for _, arm, seconds, median in shown]
    return Plot("Quality against cost", caption, ["A point for each arm", *texts], svg_of(figure))


def _search(comparison: Comparison) -> Plot | None:
    """Draw the expected best score against the number of trials, if the study is a search."""
    if not comparison.design.within:
        return None
    figure, axes = _figure(3.6)
    sign = comparison.criterion.sign
    curves = {}
    for rank, arm in enumerate(comparison.arms[:_MOST_LINES]):
        values = list(arm.outcomes.values())
        values += [math.inf for run in arm.arm.runs.values() if run.status == "pruned"]
        if len(values) > 1 and any(map(math.isfinite, values)):
            best = sign * statistics.expected_best(values)
            low, high = np.sort([sign * each for each in statistics.best_of_searches(values)], axis=0)
            trials = np.arange(1, len(best) + 1)
            style = _style(rank) | {"label": _short(arm.label), "markevery": max(1, len(best) // 8)}
            axes.plot(trials, best, **style)
            axes.fill_between(trials, low, high, color=style["color"], alpha=0.03, linewidth=0)
            axes.plot(trials, np.stack([low, high], 1), color=style["color"], linewidth=0.7)  # bands lie on each other
            curves[arm.label] = np.array([best, low, high])
    if not curves:
        return None
    _scale(axes, np.concatenate([each.ravel() for each in curves.values()]))
    axes.set_xlabel("trials")
    axes.set_ylabel(f"expected best\n{_score_axis(comparison)}")  # one line is longer than the axis
    _legend(figure, axes)
    caption = (
        "Expected best score of a search with this number of trials (Dodge et al. 2019; Lucic et al. 2018), and the "
        "band of 95 % of such searches. Compare arms at the same number: the best of more trials is better. Exact for "
        "independent draws; near the last trial the bands are too narrow, since no draw is better than the best trial. "
        "A trial that diverged or was pruned counts as the worst of its arm."
    )
    ends = [
        "{} {} [{}, {}] after {}".format(label, *map(number, curve[:, -1].tolist()), curve.shape[1])
        for label, curve in curves.items()
    ]
    return Plot("Expected best score against number of trials", caption, ["Lines", *ends], svg_of(figure))


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def _style(rank: int) -> dict[str, Any]:
    index = rank % _MOST_LINES
    style = {"color": _COLOURS[index], "linestyle": _DASHES[index], "marker": _MARKERS[index]}
    return style | {"markersize": 5, "linewidth": 1.6}


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    columns = 1 if max(map(len, labels)) > 22 else 2
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=4, fontsize=9)


def _scale(axes: Axes, values: Floats, axis: str = "y") -> None:
    """Use a logarithmic axis for values over more than an order of magnitude."""
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() > 10 * finite.min():
        (axes.set_yscale if axis == "y" else axes.set_xscale)("log")
        scaled = axes.yaxis if axis == "y" else axes.xaxis
        scaled.set_major_locator(LogLocator(subs=(1, 2, 5)))
        scaled.set_major_formatter("{x:g}")
        scaled.set_minor_formatter(NullFormatter())


def _score_axis(comparison: Comparison) -> str:
    return for_plot(f"{score_name(comparison)} ({direction(comparison)})")


def _short(label: str) -> str:
    return for_plot(label if len(label) <= 32 else f"{label[:29]}...")


def svg_of(figure: Figure) -> bytes:
    """Return a figure as an SVG file, the same every time."""
    file = io.BytesIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(file, metadata={"Date": None})  # savefig would draw twice, first for the layout
    return file.getvalue()
