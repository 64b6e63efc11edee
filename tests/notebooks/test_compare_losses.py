from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "compare_losses.ipynb"


def outputs(notebook, kind):
    return [
        output["data"][kind]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if kind in output.get("data", ())
    ]


@pytest.mark.slow
def test_the_notebook_runs_from_nothing(tmp_path):
    from nbclient import NotebookClient  # takes a second

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("budget.images=8000", "budget.images=1600")
        cell.source = cell.source.replace("training_images=10000", "training_images=2000")
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    html = "\n".join(outputs(notebook, "text/html"))
    for part in (
        "3 seeds",
        "Ranking",
        "finished · 1,600 of 1,600 images",
        "1,000 samples of the EMA generator",
        "seed 1",
    ):
        assert part in html
    assert len(list((tmp_path / "outputs" / "notebook").glob("*/record.json"))) == 6


def test_its_outputs_are_there_and_small():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert len(outputs(notebook, "text/html")) >= 5
    assert len(outputs(notebook, "image/png")) == 2
    assert NOTEBOOK.stat().st_size < 400_000
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output["output_type"] != "error"
            assert "/tmp/" not in str(output)
