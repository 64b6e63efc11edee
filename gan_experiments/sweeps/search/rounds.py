"""Searches, trial by trial: rounds of as many jobs as run at a time, watched while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gan_experiments.sweeps.search.options import SearchConfig
from gan_experiments.sweeps.search.search import Candidate, FolderOf, Search
from gan_experiments.sweeps.search.space import Space
from gan_experiments.sweeps.search.storage import opened
from gan_experiments.sweeps.search.trials import tell_trials

Launch = Callable[[Sequence[Sequence[str]]], object]
Pair = tuple[Search, Candidate]


def search_in(study: Path, space: Space, config: SearchConfig, launch: Launch, folder_of: FolderOf) -> None:
    """Bring the searches of a study to their end and print what they have found.

    Args:
        study: The folder of all runs.
        space: What is searched.
        config: How to search; ``n_jobs`` is a number.
        launch: Runs the jobs of some overrides, and returns when all of them have ended.
        folder_of: Where the run of a job lies.

    Raises:
        ConfigError: The folder holds another search, or another process is searching in it.
        KeyboardInterrupt: A trial was interrupted; the same command goes on with it.
    """
    with opened(config.storage, study) as storage:
        searches = [Search(name, space, config, storage, folder_of) for name in space.arms]
        if "retry=failed" in space.fixed:
            for search in searches:
                search.retry_failed()
        done = run_searches(searches, config.n_jobs or 1, launch)
        tell_trials(searches, study)
    if not done:
        raise KeyboardInterrupt


def run_searches(searches: Sequence[Search], at_a_time: int, launch: Launch, poll: float = 2.0) -> bool:
    """Run trials until every search has all of its own.

    Args:
        searches: They take turns.
        at_a_time: Jobs of a round.
        launch: Runs the jobs of some overrides, and returns when all of them have ended.
        poll: Seconds between two looks at the curves of the runs.

    Returns:
        Whether all is done; ``False`` if a trial was interrupted, which the same command goes on with.
    """
    while batch := _round(searches, at_a_time):
        with _watched(batch, poll):
            launch([candidate.overrides for _, candidate in batch])
        settled = [search.settle(candidate, launched=True) for search, candidate in batch]
        if not all(settled):
            return False
    return True


def _round(searches: Sequence[Search], at_a_time: int) -> list[Pair]:
    """Take trials from the searches in turn, until there are enough or none has another."""
    batch: list[Pair] = []
    open_ = sorted(searches, key=lambda search: len(search.trials))
    while open_ and len(batch) < at_a_time:
        search = open_.pop(0)
        if candidate := search.next():
            batch.append((search, candidate))
            open_.append(search)
    return batch


@contextmanager
def _watched(batch: Sequence[Pair], poll: float) -> Iterator[None]:
    """Look at the runs of a round from time to time while the block runs."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(poll):
            for search, candidate in batch:
                search.watch(candidate)

    watcher = threading.Thread(target=watch, name="watch the trials", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
