import asyncio
import os
from pathlib import Path

import nbformat
import processes
import pytest

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "compare_losses.ipynb"
SMALLER = {
    "budget.images=8000": "budget.images=1600",
    "metrics.samples=500": "metrics.samples=100",
    "metrics.final_samples=1000": "metrics.final_samples=200",
    "native.training_images=10000": "native.training_images=2000",
}


def outputs(notebook, kind):
    return [
        output["data"][kind]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if kind in output.get("data", ())
    ]


class ForkedKernel(processes.Forked):
    """The process of a kernel, forked from that of the tests, as Jupyter asks for it."""

    stdin = stdout = stderr = None

    def __init__(self, command, env, cwd, **_):
        processes.program("gan_experiments.cli.train")  # what a new one would import for seconds

        def work():
            from ipykernel.kernelapp import IPKernelApp

            os.chdir(cwd)
            asyncio.set_event_loop(asyncio.new_event_loop())  # that of the tests waits for this process
            IPKernelApp.launch_instance(command[command.index("-f") :])

        super().__init__(work, Path(cwd) / "kernel.log", env)
        os.setpgid(self.pid, self.pid)  # Jupyter ends the group of a kernel


@pytest.mark.slow
def test_the_notebook_runs_from_nothing(tmp_path, monkeypatch):
    from nbclient import NotebookClient  # takes a second

    monkeypatch.setattr("jupyter_client.provisioning.local_provisioner.launch_kernel", ForkedKernel)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        for line, smaller in SMALLER.items():
            cell.source = cell.source.replace(line, smaller)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    html = "\n".join(outputs(notebook, "text/html"))
    for part in (
        "3 seeds",
        "Ranking",
        "finished · 1,600 of 1,600 images",
        "200 samples of the EMA generator",
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
