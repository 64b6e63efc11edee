import json
import re

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
