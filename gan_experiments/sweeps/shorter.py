"""Finds runs that jobs of a sweep would train again from the beginning, only for longer. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.longer import BUDGET, LENGTH
from gan_experiments.runs.summary import as_argument
from gan_experiments.sweeps.plan import Sweep


def shorter_runs(sweep: Sweep, trusted: Sequence[str]) -> list[str]:
    """Return a warning if new jobs lie beside runs that differ in a smaller budget alone, which could be resumed.

    Args:
        sweep: Its jobs; those of a search are not known before.
        trusted: Packages that the command line trusts.
    """
    new = {_but_for_length(job.overrides): job for job in sweep.known if not job.before}
    own = {job.folder.path for job in sweep.known}
    beside = []
    for file in sorted(sweep.folder.glob("*/record.json")) if new else ():
        run = RunFolder(file.parent)
        record = run.record() if run.path not in own else {}
        overrides, budget = record.get("overrides"), record.get("budget")
        job = new.get(_but_for_length(overrides)) if isinstance(overrides, list) else None
        images = budget.get("images") if isinstance(budget, dict) else None
        if job is not None and isinstance(images, int) and images < job.budget:
            beside.append((run, job))
    if not beside:
        return []
    run, job = beside[0]
    command = f"gan-train resume={as_argument(run, trusted)} {BUDGET}={job.budget}"
    text = f"{len(beside)} new runs begin with no images seen beside runs of a smaller {BUDGET}"
    return [f"{text}; to make such a run longer instead: {command}"]


def _but_for_length(overrides: Iterable[object]) -> frozenset[str]:
    """Return overrides without those that say when a run ends."""
    lines = (str(line).lstrip("+") for line in overrides)
    return frozenset(line for line in lines if line.partition("=")[0] not in LENGTH)
