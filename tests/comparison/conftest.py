import pytest
from synthetic import FIDS, write_study

from gan_experiments.comparison.comparison import compare


@pytest.fixture
def study(tmp_path):
    """Return the folder of a study of three losses with five seeds, two of them diverged."""
    return write_study(tmp_path / "losses", FIDS, grid=True)


@pytest.fixture
def compared():
    """Compare the runs below a folder."""

    def run(folder, **options):
        return compare(folder, **options)

    return run
