import shutil

import pytest
from synthetic import FIDS, write_study

from gan_experiments.comparison.comparison import compare
from gan_experiments.comparison.report.write import write_report


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Write the report of a study once: its plots take half a second."""
    study = write_study(tmp_path_factory.mktemp("written") / "losses", FIDS, grid=True)
    write_report(compare(study, baseline="hinge"), study, study / "comparison", "gan-compare study=losses")
    return study / "comparison"


@pytest.fixture
def report(study, written):
    """Return the folder of the study's report."""
    return shutil.copytree(written, study / "comparison")
