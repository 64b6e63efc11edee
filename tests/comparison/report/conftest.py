import pytest

from gan_experiments.comparison.report.write import write_report


@pytest.fixture
def report(study, compared):
    """Write the report of the study; returns its folder."""
    write_report(compared(study, baseline="hinge"), study, study / "comparison", "gan-compare study=losses")
    return study / "comparison"
