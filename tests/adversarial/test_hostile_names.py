"""Names and values that somebody chose to break an output: the terminal, Markdown, HTML, CSV, LaTeX, the plots."""

import csv
import html.parser
import re
import shutil
import subprocess

import pytest
from markdown_it import MarkdownIt
from synthetic import write_run

from gan_experiments.cli import compare
from gan_experiments.core.escape import for_csv, for_html, for_markdown, for_plot, for_tex, printable

NAMES = [
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "bell\x07", "back\x08\x08\x08", "a\rb", "a\nb",
    "a\tb", "\x7f", "\u202egnp.exe", "\u2066x\u2069", "\u200b", "\u2028", "\ufeff", "=1+1", "+1+1", "-1+1",
    "@SUM(1)", "=cmd|' /C calc'!A0", "\t=1+1", "\r\n=1+1", "'quoted", '"', "a,b", "a;b",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!--", "</td></tr></table>", "]]>", "&lt;", "a|b",
    "|||", "# title", "- item", "> quote", "```", "`code`", "**bold**", "_em_", "[x](javascript:alert(1))",
    "![x](http://x)", "<http://x>", "\\", "a\\|b", "~~~", "---", "$\\frac$", "$x$", "$", "$$", "\\$x$",
    "\\input{/etc/passwd}", "\\write18{id}", "%", "#", "a_b^c", "{", "}", "{}", "~", "[x]", "*", "&", "_hidden",
    "_", "__", "漢字", "émoji 🎉", "عربي", "x" * 300, "[bold red]x[/]", "[/]", "{0}", "%s", "\\u202e", "\\n",
]  # fmt: skip


def _tokens(text):
    """Yield the tokens of a Markdown text, those in its paragraphs and cells, too."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or ()


class _Html(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.attributes = set(), "", set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


def _is_formula(cell):
    try:
        float(cell)
    except ValueError:
        return cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and cell != ""
    return False


def _assert_tex(text):
    """Hold a piece of LaTeX against a small grammar: known commands, balanced groups, nothing special left bare."""
    rest = re.sub(r"\\(?:textbackslash|textasciitilde|textasciicircum)\{\}|\\[&%$#_{}]", "", text)
    assert not re.search(r"[\\~^&%$#_]", rest)
    rest = re.sub(r"^\{[\[*]\}", "", rest)
    assert not set("{}") & set(rest)
    assert not text.lstrip().startswith(("[", "*"))
    assert all(character.isprintable() for character in text)


def test_every_output_holds_a_name_as_text(share):
    for name in share(NAMES):
        assert printable(name).isprintable()
        tokens = list(_tokens(f"| a | b |\n|---|---|\n| {for_markdown(name)} | x |\n\n# {for_markdown(name)}\n"))
        kinds = {token.type for token in tokens}
        assert not kinds & {
            "html_inline",
            "html_block",
            "link_open",
            "image",
            "code_inline",
            "fence",
            "strong_open",
            "em_open",
        }
        assert sum(token.type == "td_open" for token in tokens) == 2
        shown = [token.content for token in tokens if token.type == "inline"]
        assert shown.count("x") == 1
        page = _Html()
        page.feed(f'<p title="{for_html(name)}">{for_html(name)}</p>')
        assert (page.tags, page.attributes, page.text) == ({"p"}, {"title"}, printable(name))
        assert not _is_formula(for_csv(name))
        _assert_tex(for_tex(name))
        assert (for_plot(name).count("$") - for_plot(name).count("\\$")) == 0
        assert not for_plot(name).startswith("_")


def _study(folder, name):
    """Write a study one of whose arms, run folders and reasons has a name."""
    for value in (name, "plain"):
        for seed in (0, 1):
            file = f"{value.replace('/', '_')[:100]}-{seed}"
            config = {"model.kind": value, "name": file}
            record = {"overrides": [f"model.kind={value}"], "choices": {"model": value}, "reason": value}
            write_run(folder / file, "hinge", seed, 5.0 + seed, config=config, record=record)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_comparison_of_such_names_is_written_and_read(call, tmp_path, name):
    _study(tmp_path / "study", name)
    code, out, err = call(compare, "study=study")
    assert code == 0, err
    assert all(line.isprintable() for line in (out + err).splitlines()), (out, err)
    report = tmp_path / "study" / "comparison"
    tokens = list(_tokens((report / "report.md").read_text()))
    assert not {token.type for token in tokens} & {"html_inline", "html_block", "link_open", "image"}
    page = _Html()
    page.feed((report / "report.html").read_text())
    assert not page.tags & {"script", "iframe", "a"}
    assert not any(attribute.startswith("on") for attribute in page.attributes)
    for file in ("runs.csv", "curves.csv"):
        with (report / file).open(newline="") as opened:
            rows = list(csv.reader(opened))
        assert len({len(row) for row in rows}) == 1
        assert not any(map(_is_formula, (cell for row in rows for cell in row)))
    tex = (report / "report.tex").read_text()
    assert all(line.isprintable() for line in tex.splitlines())
    if shutil.which("pdflatex"):
        body = "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs,graphicx}\\begin{document}\n"
        (report / "all.tex").write_text(f"{body}{tex}\\end{{document}}\n")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
        assert subprocess.run(command, cwd=report, capture_output=True, timeout=120).returncode == 0
