import csv

import pytest
from searches import SPACE, Jobs, config

from gan_experiments.sweeps.search.rounds import search_in
from gan_experiments.sweeps.search.space import read_space


@pytest.fixture
def search(tmp_path):
    """Run a search in a folder; returns its trials and the jobs."""

    def run(folder="study", lines=SPACE, outcome=None, **changes):
        jobs = Jobs(tmp_path / folder, outcome)
        search_in(jobs.study, read_space(list(lines), changes.get("per", ())), config(**changes), jobs, jobs.folder_of)
        with (jobs.study / "trials.csv").open() as file:
            return list(csv.DictReader(file)), jobs

    return run
