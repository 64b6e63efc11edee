import re
from html.parser import HTMLParser

from synthetic import write_run

from gan_experiments.comparison.report.latex import as_latex
from gan_experiments.comparison.report.plots import plots
from gan_experiments.comparison.report.tables import as_html, as_markdown, tables
from gan_experiments.comparison.report.write import write_report


class Page(HTMLParser):
    """Collects what a page refers to, and checks that what opens closes."""

    VOID = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.links, self.tags, self._open = [], [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag


def test_the_page_stands_alone(report):
    text = (report / "report.html").read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(link.startswith("data:image/") for link in page.links)
    assert not re.search(r"url\(|@import|http", re.sub(r"base64,[^\"]+", "", text))
    assert 'name=viewport content="width=device-width' in text
    assert "@media print" in text
    assert page.tags.count("img") == 5 + 3


def test_the_page_reports_the_result(report):
    text = (report / "report.html").read_text()
    for part in (
        "Against the baseline hinge: minimax and wasserstein are worse.",
        "5, 2 diverged (40 %)",
        "gan-compare study=losses",
        "0123456789",
        "torch 2.15.0",
        "run with seed 0; all of them show the same latents.",
    ):
        assert part in text


def test_what_a_stranger_named_does_no_harm(tmp_path, compared):
    evil = '<img src=x onerror="alert(1)">|$&_%#\\'
    for seed in range(2):
        write_run(tmp_path / f"{seed}", seed=seed, record={"choices": {"loss": "hinge"}}, config={"note": evil})
        write_run(tmp_path / f"b{seed}", seed=seed, config={"note": "b", "d_steps": evil}, record={"reason": evil})
    write_run(tmp_path / "<img src=x>", seed=9, status="failed", config={"note": "b"})
    comparison = compared(tmp_path, factor="note")
    write_report(comparison, tmp_path, tmp_path / "out", evil)
    text = (tmp_path / "out" / "report.html").read_text()
    Page(text)
    assert "<img src=x" not in text
    (table, *_) = tables(comparison)
    assert "<img" not in as_html(table)
    assert r"\$\&\_\%\#\textbackslash{}" in as_latex(table)
    assert all(line.count("|") - line.count("\\|") == len(table.head) + 1 for line in as_markdown(table).splitlines())


def test_a_notebook_shows_verdict_ranking_and_plot(study, compared):
    comparison = compared(study, baseline="hinge")
    html = comparison._repr_html_()
    page = Page(html)
    assert page.tags.count("img") == page.tags.count("table") == 1
    assert all(link.startswith("data:image/") for link in page.links)
    assert "Against the baseline hinge" in html
    assert plots(comparison)[0].caption in html
    assert repr(comparison).startswith("Against the baseline hinge")
