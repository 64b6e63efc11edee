"""Takes runs that have been made longer as they were at the largest budget of all runs. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gan_experiments.comparison.collect import CollectedRun, Study
from gan_experiments.comparison.design import as_text
from gan_experiments.core.text import first_few
from gan_experiments.runs.longer import BUDGET, LENGTH, records_at_ends
from gan_experiments.runs.metrics_table import Curve
from gan_experiments.runs.results import evaluation_of
from gan_experiments.runs.summary import as_argument

_MOST_NAMES = 2
Ends = Mapping[float, CollectedRun]  # a run as it was at each budget that it has a result at


def at_common_budget(
    study: Study, factor: Sequence[str] | str | None = None, evaluation: str | None = None
) -> tuple[Study, list[str]]:
    """Return the runs as they were at the largest budget that all of them have a result at.

    Nothing changes if no run has been made longer, all have one budget, or the budget is the factor that is compared.

    Returns:
        The runs, and a warning if any is compared as it was before it was made longer, or cannot be.
    """
    names = factor.split(",") if isinstance(factor, str) else list(factor or ())
    ends = [_ends(run, evaluation) for run in study.runs]
    longer = [run for run, each in zip(study.runs, ends, strict=True) if each.keys() - {run.budget}]
    by_budget = {BUDGET, BUDGET.partition(".")[0]} & {name.strip() for name in names}
    if not longer or by_budget or len({run.budget for run in study.runs}) == 1:
        return study, []
    common = set.intersection(*(set(each) for each in ends if each))  # runs without a result do not count anyway
    if not common:
        text = "there is no budget at which all runs have a result, so each counts at its own"
        return study, [f"{_made_longer(longer, study)}; {text}.", *_advice(study, ends, longer)]
    budget = max(common)
    runs = [_at(run, each, budget) for run, each in zip(study.runs, ends, strict=True)]
    cut = [run for run, each in zip(study.runs, ends, strict=True) if each and run.budget != budget]
    if not cut:
        return Study(runs, study.left_out), []
    text = f"all are compared as they were after {budget:,.0f} images, the largest budget that all have a result at"
    return Study(runs, study.left_out), [f"{_made_longer(cut, study)}; {text}.", *_advice(study, ends, cut)]


def moved_schedules(runs: Sequence[CollectedRun]) -> list[str]:
    """Return a warning if the schedules of some runs ended at a smaller budget first, and those of others did not."""
    ways: dict[str, list[str]] = {}
    for run in runs:
        earlier = run.record.get("earlier_ends")
        ends = [end for end in earlier if isinstance(end, Mapping)] if isinstance(earlier, list) else []
        moved = as_text([[end.get(BUDGET), end["moved"]] for end in ends if end.get("moved")])
        ways.setdefault(moved, []).append(run.name)
    if len(ways) < 2:
        return []
    names = [name for way, each in ways.items() if way != "[]" for name in each]
    text = f"{len(names)} of {len(runs)} runs were made longer, and what ended with their budget was moved on"
    return [f"{text}, so they were not trained like the others: {first_few(names, _MOST_NAMES)}"]


def _ends(run: CollectedRun, evaluation: str | None) -> Ends:
    """Return a run as it was at each of its ends: its own, if it has ended, and those before it was made longer."""
    ends = {}
    for record in records_at_ends(run.record):
        if record["status"] == "diverged" or evaluation_of(record, evaluation).get("final"):
            config = run.config | {key: record.get(key) for key in LENGTH}
            curves = {name: _until(curve, record["images_seen"]) for name, curve in run.curves.items()}
            kept = {name: curve for name, curve in curves.items() if len(curve.images)}
            ends[float(record[BUDGET])] = replace(run, config=config, record=record, curves=kept)
    ends.pop(run.budget, None)  # the same budget with another patience, which it has gone on from
    return ends | ({run.budget: run} if run.ended else {})


def _at(run: CollectedRun, ends: Ends, budget: float) -> CollectedRun:
    """Return a run as it was at a budget; one without a result takes the budget over, not to be an arm of its own."""
    return ends[budget] if ends else replace(run, config=run.config | {BUDGET: int(budget)})


def _until(curve: Curve, images: int) -> Curve:
    seen = curve.images <= images
    return Curve(*(part[seen] for part in curve))


def _made_longer(runs: Sequence[CollectedRun], study: Study) -> str:
    names = first_few((f"{run.name} to {run.budget:,.0f} images" for run in runs), _MOST_NAMES)
    have = "has" if len(runs) == 1 else "have"
    return f"{len(runs)} of {len(study.runs)} runs {have} been made longer ({names})"


def _advice(study: Study, ends: Sequence[Ends], longer: Sequence[CollectedRun]) -> list[str]:
    """Return the command that makes the others as long, as a warning; nothing if all are."""
    target = min(run.budget for run in longer)
    lacking = [run for run, each in zip(study.runs, ends, strict=True) if target not in each and run.budget <= target]
    if not lacking:
        return []
    first, *others = lacking
    also = first_few((run.name for run in others), _MOST_NAMES)
    command = f"gan-train resume={as_argument(first.folder)} {BUDGET}={target:.0f}"
    return [f"To make the others as long: {command}" + (f" and so with {also}" if also else "")]
