import time

import pytest
from searches import STORAGES, drawn_and_scored

from gan_experiments.core.types import ConfigError
from gan_experiments.sweeps.search.storage import JOURNAL, open_storage

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'gan-experiments[optuna]'")


@pytest.mark.parametrize("url", STORAGES)
def test_every_storage_goes_on(search, tmp_path, url):
    storage = url and url.format(tmp_path)
    first, _ = search(n_trials=2, storage=storage)
    rows, jobs = search(n_trials=3, storage=storage)
    assert drawn_and_scored(rows)[:2] == drawn_and_scored(first)
    assert len(jobs.launched) == 1


def test_a_journal_that_was_cut_off_is_mended(search, tmp_path):
    whole, _ = search("whole", n_trials=4)
    search("cut", n_trials=2)
    journal = tmp_path / "cut" / JOURNAL
    with journal.open("a") as file:
        file.write('{"op_code": 4, "half of')
    journal.with_name(f"{JOURNAL}.lock").symlink_to(journal)  # what Optuna holds while it writes
    began = time.monotonic()
    rows, _ = search("cut", n_trials=4)
    assert drawn_and_scored(rows) == drawn_and_scored(whole)
    assert time.monotonic() - began < 15


def test_a_storage_that_cannot_be_opened_is_refused(search):
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.storage: 'sqlite:////nowhere/at/all\.db' cannot be opened"):
        search(storage="sqlite:////nowhere/at/all.db")


def test_two_searches_do_not_share_a_folder(tmp_path):
    with (
        open_storage(None, tmp_path),
        pytest.raises(ConfigError, match="another process is searching"),
        open_storage(None, tmp_path),
    ):
        pass
