import re
import shutil
import subprocess

import pytest

from gan_experiments.comparison.report.latex import PACKAGES, as_latex
from gan_experiments.comparison.report.tables import Table
from gan_experiments.comparison.report.write import write_report

HEAD = ["pair", "verdict", "estimated seeds that are needed", "p"]
ROWS = [["hinge against relativistic_pairing", "close", "12", "0.1"], ["a", "close", "7", "0.2"]]


def test_what_all_rows_say_is_said_once():
    text = as_latex(Table("Tests", "A note.", HEAD, ROWS))
    assert "In all rows: verdict close. A note." in text
    assert r"\quad relativistic\_pairing\end{tabular} & 12 & 0.1 \\" in text
    assert r"estimated \\ seeds that \\ are needed" in text
    alone = as_latex(Table("Tests", "A note.", HEAD, ROWS[1:]))
    assert "a & close & 7 & 0.2" in alone


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex (apt-get install texlive-latex-recommended)")
@pytest.mark.parametrize("baseline", [None, "hinge"])
def test_tables_fit_the_page(study, compared, tmp_path, baseline):
    write_report(compared(study, baseline=baseline), study, tmp_path / "out", "gan-compare")
    wide = as_latex(Table("Wide", "A note.", HEAD * 9, [cells * 9 for cells in ROWS] + [["b"] * 36]))
    page = [
        r"\documentclass{article}",
        rf"\usepackage{{{','.join(PACKAGES)}}}",
        r"\begin{document}\input{report}",
        wide,
    ]
    (tmp_path / "out" / "page.tex").write_text("\n".join([*page, r"\end{document}"]))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, timeout=60, check=True)
    assert not re.findall(r"Overfull \\hbox.*", done.stdout)
