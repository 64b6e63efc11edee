"""Makes runs longer: what may change when a run is resumed, and what its record keeps of an earlier end.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan_experiments.core.dotted import value_of
from gan_experiments.core.text import show
from gan_experiments.core.types import ConfigError

BUDGET, PATIENCE = "budget.images", "stop.patience"
LENGTH = (BUDGET, PATIENCE)  # what a resumed run may be given other values of
_RESULTS = ("final", "best", "evaluation", "evaluations", "evaluation_share", "finished_early", "ended")
_COSTS = ("status", "steps", "seconds", "images_per_second", "peak_memory_bytes")  # these go on, or change, after it
_OF_LATER = ("reason", "traceback", "findings", "stopped")


def changes_length(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return whether two configs differ in when the run ends."""
    return any(value_of(old, key) != value_of(new, key) for key in LENGTH)


def ends_with_budget(config: Mapping[str, Any]) -> list[str]:
    """Return the keys of the schedules and ramps of a config that end when its budget does."""
    schedule = value_of(config, "optimizer.schedule") or {}
    falls = schedule.get("kind") != "constant" and not schedule.get("end")
    ramps = [f"ramps.{name}" for name, ramp in (config.get("ramps") or {}).items() if not ramp.get("end")]
    return ["optimizer.schedule"] * falls + ramps


def check_length(old: Mapping[str, Any], new: Mapping[str, Any], record: Mapping[str, Any], images_seen: int) -> None:
    """Refuse a ``new`` config of a run, by its budget or patience, if the run would not be trained any further.

    Raises:
        ConfigError: The budget has been spent, or the run would end early as it has ended already.
    """
    budget, patience = (value_of(new, key) for key in LENGTH)
    if budget != value_of(old, BUDGET) and budget <= images_seen:
        raise ConfigError(f"{BUDGET}: {budget:,} is not more than the {images_seen:,} images that the run has seen")
    if record.get("finished_early") and patience is not None and patience <= (value_of(old, PATIENCE) or 0):
        text = f"the run ended early with a patience of {value_of(old, PATIENCE)}; null or more goes on"
        raise ConfigError(f"{PATIENCE}: {show(patience)}: {text}")


def reopened(record: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the record of a run that is made longer: its results so far become those of an earlier end.

    The ``new`` config differs from the ``old`` one in the budget or the patience.
    """
    earlier = list(record.get("earlier_ends") or ())
    moved = ends_with_budget(new) if value_of(old, BUDGET) != value_of(new, BUDGET) else []
    end = {key: value_of(old, key) for key in LENGTH} | {"images_seen": record.get("images_seen"), "moved": moved}
    end |= {key: record[key] for key in _COSTS if key in record}
    results = {key: record[key] for key in _RESULTS if record.get(key) is not None}
    if results or not earlier:  # else an attempt to make it longer was cut off, and is repeated
        earlier.append(end | results)
    return {"status": "interrupted", "earlier_ends": earlier} | {key: None for key in _RESULTS if key in record}


def records_at_ends(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the record as it was at each earlier end that gave a result, or diverged.

    Args:
        record: The record of a run that may have been made longer.

    Returns:
        Records, oldest first, with the keys of ``LENGTH`` beside the others, as the config had them.
    """
    listed = record.get("earlier_ends")
    earlier = [end for end in listed if isinstance(end, Mapping)] if isinstance(listed, list) else []
    kept = {key: value for key, value in record.items() if key not in (*_RESULTS, *_COSTS, *_OF_LATER)}
    records = []
    for index, end in enumerate(earlier):
        status = end.get("status", "finished" if end.get("final") else None)  # earlier versions did not keep it
        if status in ("finished", "diverged") and all(isinstance(end.get(key), int) for key in (BUDGET, "images_seen")):
            records.append({**kept, **end, "status": status, "earlier_ends": earlier[:index]})
    return records


def said(old: Mapping[str, Any], new: Mapping[str, Any], images_seen: int) -> str:
    """Return a line that says how a run goes on."""
    budgets = [value_of(config, BUDGET) for config in (old, new)]
    text = f"goes on from {images_seen:,} images to {budgets[1]:,} (before: {budgets[0]:,})"
    moved = ends_with_budget(new) if budgets[0] != budgets[1] else []
    if moved:
        text += f"; {', '.join(moved)} ended there and now end{'s' * (len(moved) == 1)} at {budgets[1]:,}"
    return text
