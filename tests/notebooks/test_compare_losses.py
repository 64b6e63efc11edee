from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "compare_losses.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_from_nothing(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    told = {"metadata": {"path": tmp_path}}
    NotebookClient(notebook, timeout=300, resources=told).execute()
    report = tmp_path / "outputs" / "notebook" / "comparison"
    assert "3 seeds are too few to call any difference" in (report / "report.md").read_text()
    assert (report / "report.html").exists()
