from pathlib import Path

import pytest

from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.plan import Job


@pytest.fixture
def job(tmp_path):
    """Make a job whose folder holds a record and a table."""

    def make(name, table="", before=None, **record):
        run = RunFolder(Path(tmp_path) / name)
        run.path.mkdir()
        if record:
            run.update_record(**record)
        run.metrics_file.write_text(table)
        return Job(name, run, 1000, record if before is None else before)

    return make
