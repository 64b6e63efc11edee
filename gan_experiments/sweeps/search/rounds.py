"""Runs searches in rounds of concurrent trials, which are monitored for pruning."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gan_experiments.sweeps.options import FolderOf, Launch
from gan_experiments.sweeps.search.options import SearchConfig
from gan_experiments.sweeps.search.search import Candidate, OptunaSearch
from gan_experiments.sweeps.search.space import Space
from gan_experiments.sweeps.search.storage import open_storage
from gan_experiments.sweeps.search.trials import print_trials

Running = tuple[OptunaSearch, Candidate]


def search_in(study: Path, space: Space, config: SearchConfig, launch: Launch, folder_of: FolderOf) -> None:
    """Run the searches of a study to their end and print their results.

    Args:
        study: The folder of all runs.
        space: The search space.
        config: How to search; ``n_jobs`` is not ``None``.
        launch: Runs jobs, given the overrides of each, and returns when all have ended.
        folder_of: Returns the run folder of a job's overrides.

    Raises:
        ConfigError: The folder holds another search, or another process is searching in it.
        KeyboardInterrupt: A trial was interrupted; the same command resumes it.
    """
    with open_storage(config.storage, study) as storage:
        searches = [OptunaSearch(name, space, config, storage, folder_of) for name in space.arms]
        if "retry=failed" in space.fixed:
            for search in searches:
                search.retry_failed()
        done = run_searches(searches, config.n_jobs or 1, launch)
        print_trials(searches, study)
    if not done:
        raise KeyboardInterrupt


def run_searches(searches: Sequence[OptunaSearch], at_a_time: int, launch: Launch, poll: float = 2.0) -> bool:
    """Run trials until every search has all of its trials.

    Args:
        searches: Searches, which take turns.
        at_a_time: Jobs in a round.
        launch: Runs jobs, given the overrides of each, and returns when all have ended.
        poll: Seconds between two readings of the curves of the runs.

    Returns:
        Whether all trials have ended; ``False`` if one was interrupted, which the same command resumes.
    """
    while batch := _round(searches, at_a_time):
        with _monitored(batch, poll):
            launch([candidate.overrides for _, candidate in batch])
        settled = [search.settle(candidate, launched=True) for search, candidate in batch]
        if not all(settled):
            return False
    return True


def _round(searches: Sequence[OptunaSearch], at_a_time: int) -> list[Running]:
    """Take trials from the searches in turn, until there are enough or no search has another."""
    batch: list[Running] = []
    waiting = sorted(searches, key=lambda search: len(search.trials))
    while waiting and len(batch) < at_a_time:
        search = waiting.pop(0)
        if candidate := search.next():
            batch.append((search, candidate))
            waiting.append(search)
    return batch


@contextmanager
def _monitored(batch: Sequence[Running], poll: float) -> Iterator[None]:
    """Check periodically, while the block runs, whether runs of a round are to be pruned."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(poll):
            for search, candidate in batch:
                search.watch(candidate)

    monitor = threading.Thread(target=watch, name="trial monitor", daemon=True)
    monitor.start()
    try:
        yield
    finally:
        ended.set()
        monitor.join()
