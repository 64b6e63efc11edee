import io
import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from synthetic import write_run, write_study

from gan_experiments.comparison.report import plots


def drawn(comparison):
    made = plots.plots(comparison)
    assert all(ET.fromstring(plot.svg).tag.endswith("svg") for plot in made)
    return [plot.title for plot in made]


CURVES = ["FID over images seen", "FID over training time"]
USUAL = [*CURVES, "Distribution over seeds", "Quality against cost"]


def test_there_is_a_plot_for_each_question(study, compared):
    with_pairs = [*CURVES, "Distribution over seeds", "Differences between arms", "Quality against cost"]
    assert drawn(compared(study)) == with_pairs
    assert drawn(compared(study, measure="is"))[0] == "IS over images seen"


def test_a_search_has_a_plot_of_its_own(tmp_path, compared):
    for trial in range(6):
        write_run(tmp_path / f"{trial}", fid=5.0 + trial, config={"optimizer.generator.lr": 1e-4 * (1 + trial)})
    assert drawn(compared(tmp_path)) == [*USUAL, "Expected best score against number of trials"]


def test_labels_of_axes_are_shown_whole(tmp_path, compared, monkeypatch):
    """Of a search of six arms, whose legend leaves little height."""
    arms = ("non_saturating", "relativistic_pairing", "least_squares", "wasserstein", "minimax", "hinge")
    for trial, arm in enumerate(2 * arms):
        config = {"optimizer.generator.lr": 1e-4 * (1 + trial), "loss._target_": arm}
        write_run(tmp_path / f"{trial}", fid=5.0 + trial, config=config, record={"choices": {"loss": arm}})
    save, figures = plots.svg_of, []
    monkeypatch.setattr(plots, "svg_of", lambda figure: figures.append(figure) or save(figure))
    made = plots.plots(compared(tmp_path))
    assert made[-1].title.startswith("Expected best")
    for plot, figure in zip(made, figures, strict=True):
        figure.draw_without_rendering()
        across, up = (axis.label.get_window_extent() for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis))
        assert 0 <= across.x0 <= across.x1 <= figure.bbox.x1, plot.title
        assert 0 <= up.y0 <= up.y1 <= figure.bbox.y1, plot.title


def test_a_figure_is_drawn_once_and_is_what_savefig_writes(study, compared, monkeypatch):
    def twice(figure):
        figure.savefig(file := io.BytesIO(), format="svg", metadata={"Date": None})
        return file.getvalue()

    comparison, drawings, draw = compared(study), [], Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda figure, renderer: drawings.append(figure) or draw(figure, renderer))
    once = plots.plots(comparison)
    assert len(drawings) == len(once)
    monkeypatch.setattr(plots, "svg_of", twice)
    assert [plot.svg for plot in plots.plots(comparison)] == [plot.svg for plot in once]


@pytest.mark.parametrize(
    "fids",
    [
        {"hinge": [4.0]},
        {"hinge": [4.0], "minimax": [None]},
        {"hinge": [4.0, None], "minimax": [None, None]},
        {f"a{arm}": [4.0 + arm] for arm in range(12)},
        {"hinge": [0.0, 1.0], "minimax": [300.0, 0.0]},
    ],
)
def test_odd_studies_are_drawn(tmp_path, compared, fids):
    for label, values in fids.items():
        for seed, value in enumerate(values):
            status = "finished" if value is not None else "diverged"
            config = {"loss._target_": label}
            record = {"choices": {"loss": label}}
            write_run(tmp_path / f"{label}{seed}", "hinge", seed, value or 1.0, status, config, record)
    drawn(compared(tmp_path))


def test_runs_without_rows_or_times_are_drawn(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0, 4.1], "minimax": [5.0, 5.1]}, record={"seconds": None})
    for table in study.rglob("metrics.csv"):
        table.unlink()
    assert drawn(compared(study)) == ["Distribution over seeds", "Differences between arms"]


def test_differences_are_drawn_with_their_intervals_and_verdicts(study, compared, monkeypatch):
    axes = []
    figure = plots._figure

    def kept(height):
        made = figure(height)
        axes.append(made[1])
        return made

    monkeypatch.setattr(plots, "_figure", kept)
    comparison = compared(study, baseline="hinge")
    plot = plots._effects(comparison)
    (zero, *lines) = axes[0].get_lines()
    (pair,) = [pair for pair in comparison.pairs if math.isfinite(pair.low)]
    assert list(zero.get_xdata()) == [0, 0]
    assert list(lines[0].get_xdata()) == [pair.low, pair.high]
    assert list(lines[1].get_xdata()) == [pair.difference]
    assert (pair.verdict, lines[1].get_markerfacecolor()) == ("worse", "#0072B2")
    assert axes[0].get_yticklabels()[0].get_text() == pair.first == "wasserstein"
    assert "left of 0 the first arm is better" in plot.caption
    open_above = replace(pair, high=math.inf)
    plots._effects(replace(comparison, pairs=[open_above]))
    assert axes[1].get_lines()[1].get_xdata()[1] == axes[1].get_xlim()[1] > pair.low  # to the edge
    far = replace(open_above, difference=3 * pair.low)
    plots._effects(replace(comparison, pairs=[far]))
    assert axes[2].get_xlim()[1] > far.difference


def test_the_same_study_makes_the_same_plots(study, compared):
    first, second = plots.plots(compared(study)), plots.plots(compared(study))
    assert [plot.svg for plot in first] == [plot.svg for plot in second]


def test_lines_differ_without_colour():
    styles = [plots._style(rank) for rank in range(8)]
    assert len({str(style["linestyle"]) for style in styles}) == len({style["marker"] for style in styles}) == 8


def test_every_plot_is_told_in_words_and_many_arms_by_their_places(tmp_path, compared):
    for arm in range(10):
        for seed in range(2):
            rate = {"optimizer.generator.lr": (arm + 1) * 1e-4}
            write_run(tmp_path / f"{arm}-{seed}", seed=seed, fid=4.0 + arm + seed, config=rate)
    drawn = {plot.title: plot for plot in plots.plots(compared(tmp_path))}
    assert all("0.0003 " in "; ".join(plot.shows) for plot in drawn.values()), "each says what it shows of an arm"
    assert "0.0003 6.000, 7.000" in drawn["Distribution over seeds"].shows
    assert "place of an arm in the ranking" in drawn["Quality against cost"].caption
