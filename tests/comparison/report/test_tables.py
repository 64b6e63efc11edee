import json
import re

import pytest
from synthetic import write_run, write_study

from gan_experiments.comparison.report.html import runs_table
from gan_experiments.comparison.report.tables import tables
from gan_experiments.comparison.report.write import write_report


def test_markdown_and_latex_say_the_same(report):
    markdown, latex = (report / "report.md").read_text(), (report / "report.tex").read_text()
    for cell in ("wasserstein", "5, 2 diverged", "4.100 [3.904, 4.296]"):
        assert cell in markdown
        assert cell in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}")
    assert latex.count(r"\caption") == markdown.count("\n| --- |")
    rows = re.findall(r"(?m)^.*\\\\$", latex.partition(r"\end{table}")[0])
    assert {row.count("&") for row in rows} == {6}


def test_the_limit_of_the_intervals_is_said_where_they_are_shown(report):
    limit = "as skewed as lognormal ones with sigma 1, the interval covers the mean in 82 to 90 % of studies only"
    for name in ("report.html", "report.md"):
        assert limit in (report / name).read_text()


def test_findings_are_counted_by_arm(study, compared, tmp_path):
    for seed, (began, ended) in enumerate([(1000, None), (3000, 5000)]):
        record = (
            next(study.glob(f"*wasserstein*{seed}*/record.json"), None) or sorted(study.glob("*/record.json"))[seed]
        )
        found = {"mode_collapse": {"began": began, "ended": ended, "reason": "close"}}
        record.write_text(json.dumps(json.loads(record.read_text()) | {"findings": found}))
    write_report(compared(study), study, tmp_path / "report", "gan-compare")
    for name in ("report.md", "report.html"):
        text = (tmp_path / "report" / name).read_text()
        assert "2 of 5, from 2,000 on (1 over)" in text
        assert "mode collapse" in text
    assert "mode_collapse" in (tmp_path / "report" / "runs.csv").read_text()


def test_without_findings_there_is_no_table_of_them(report):
    assert "## Findings" not in (report / "report.md").read_text()


def test_two_factors_are_crossed_and_the_runs_named(tmp_path, compared):
    for rate, better in ((1e-4, 0.0), (2e-4, 1.0)):
        for loss, fid in (("hinge", 4.0), ("minimax", 6.0)):
            for seed in range(3):
                config = {"optimizer.generator.lr": rate}
                write_run(tmp_path / f"{loss}-{rate}-{seed}", loss, seed, fid - better + seed / 10, config=config)
    comparison = compared(tmp_path)
    crossed = next(table for table in tables(comparison) if table.title == "Two factors")
    assert crossed.head == ["loss (down), optimizer.generator.lr (across)", "0.0002", "0.0001"]
    means = [[row[0], *(cell.split()[0] for cell in row[1:])] for row in crossed.rows]
    assert means == [["hinge", "3.100", "4.100"], ["minimax", "5.100", "6.100"]]
    rows = runs_table(comparison).rows
    assert rows[1] == ["hinge-0.0002-1", "hinge/0.0002", "1", "finished", "3.100"]
    assert len(rows) == 12


@pytest.mark.parametrize("score", ["final", "best"])
def test_the_terminal_shows_what_arms_are_ranked_by(tmp_path, compared, score):
    """Of arms whose means are in another order."""
    study = write_study(
        tmp_path, {"hinge": [3.9] * 3 + [50.0] * 2, "minimax": [4.0] * 5, "wasserstein": [None, 6.0, 6.0]}
    )
    (table, *_) = tables(compared(study, score=score))
    column = table.brief[2]
    assert [table.head[index] for index in table.brief] == [
        "arm",
        "seeds",
        f"median {score} FID (rank)",
        f"mean {score} FID",
    ]
    medians = [float(row[column]) for row in table.rows]
    assert [row[0] for row in table.rows] == ["hinge", "minimax", "wasserstein"]
    assert medians == sorted(medians)
    means = [float(row[column + 1].split(" ")[0]) for row in table.rows]
    assert means != sorted(means)
