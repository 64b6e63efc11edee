import pytest
from synthetic import write_study

from gan_experiments.comparison.comparison import compare

FIDS = {
    "hinge": [4.0, 4.2, 4.1, 4.3, 3.9],
    "wasserstein": [9.0, 9.5, 8.7, 9.9, 9.2],
    "minimax": [5.0, None, 5.2, None, 5.1],
}


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
