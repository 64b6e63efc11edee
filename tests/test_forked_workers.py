"""Workers of pytest-xdist forked from one process do what new ones would."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the workers are forked on Linux only")

HELPERS = str(Path(__file__).parent / "helpers")

FILES = {
    "conftest": f"""
import sys
sys.path.insert(0, {HELPERS!r})
from forked_workers import fork_workers

def pytest_xdist_setupnodes(config, specs):
    fork_workers(config, specs)
""",
    "test_sums": """
import pytest

with open("imports", "a") as log:
    log.write("one ")

@pytest.mark.parametrize("number", range(6))
def test_sum(number):
    assert number + 1 < 6
""",
}


@pytest.fixture
def output_of(tmp_path, monkeypatch):
    """Run the tests of some files on two workers; returns what pytest prints."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(**files):
        for name, text in {**FILES, **files}.items():
            (tmp_path / f"{name}.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-pxdist.plugin", "-n2", "-rs", "--import-mode=importlib"]
        done = subprocess.run([*command, "--rootdir=."], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        return done.stdout + done.stderr

    return run


@pytest.mark.slow
def test_a_module_is_imported_once_also_where_a_worker_dies_or_tests_fail_or_skip(output_of, tmp_path):
    output = output_of(
        test_dying="import os\n\ndef test_dies():\n    os._exit(3)\n",
        test_skipped="import pytest\n\ndef test_one():\n    pass\n\npytest.importorskip('missing')\n",
    )
    assert (tmp_path / "imports").read_text() == "one "
    assert "2 failed, 5 passed, 1 skipped" in output, output
    assert "crashed while running 'test_dying.py::test_dies'" in output
    assert "assert (5 + 1) < 6" in output
    assert "could not import 'missing'" in output


@pytest.mark.slow
def test_a_module_that_cannot_be_imported_is_an_error(output_of):
    output = output_of(test_wrong="def test_one():\n    pass\n\nimport missing\n")
    assert "1 error" in output, output
    assert "No module named 'missing'" in output
