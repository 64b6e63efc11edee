"""Reads the values of a run from its record: of its final evaluation, or of one made afterwards. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gan_experiments.core.estimate import Estimate

_GROUPS = ("features", "measures")
_FIELDS = tuple(field.name for field in fields(Estimate))


def plain(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, Any]]:
    """Return estimates as they are written into a record; ``estimates`` reads them."""
    return {name: estimate.plain() for name, estimate in estimates.items()}


def evaluation_of(record: Mapping[str, Any], evaluation: str | None = None) -> Mapping[str, Any]:
    """Return the part of a record with the values and the provenance of an evaluation; empty if there is none.

    Args:
        record: The record of a run.
        evaluation: The name of an evaluation that was made afterwards; ``None``: the final one of the run.
    """
    if evaluation is None:
        return record
    evaluations = record.get("evaluations")
    measured = evaluations.get(evaluation) if isinstance(evaluations, Mapping) else None
    return measured if isinstance(measured, Mapping) else {}


def evaluation_names(record: Mapping[str, Any]) -> list[str]:
    """Return the names of the evaluations that were made afterwards."""
    evaluations = record.get("evaluations")
    return list(evaluations) if isinstance(evaluations, Mapping) else []


def estimates(record: Mapping[str, Any]) -> dict[str, Estimate]:
    """Return the values of a run's evaluation by name; those that cannot be read are left out."""
    readable = _readable(record)
    return {name: Estimate(**{key: each[key] for key in _FIELDS if key in each}) for name, each in readable.items()}


def _readable(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    final = record.get("final")
    return {
        str(name): each
        for name, each in (final.items() if isinstance(final, Mapping) else ())
        if isinstance(each, Mapping) and _is_number(each.get("value"))
    }


def scores(record: Mapping[str, Any], score: str = "final") -> dict[str, float]:
    """Return the plain values by name, of the ``final`` evaluation or of the ``best`` periodic one."""
    if score == "final":
        return {name: each["value"] for name, each in _readable(record).items()}
    best = record.get(score)
    return {str(name): value for name, value in best.items() if _is_number(value)} if isinstance(best, Mapping) else {}


def higher_is_better(record: Mapping[str, Any], measure: str) -> bool | None:
    """Return whether higher values of a measure are better, in periodic and final evaluations alike.

    Args:
        record: The record of a run.
        measure: Its name in the log: ``fid``, or ``fid/<extractor>``.

    Returns:
        ``None`` if the record does not say.
    """
    evaluation = record.get("evaluation")
    groups = [evaluation.get(group) for group in _GROUPS] if isinstance(evaluation, Mapping) else []
    measures = [each for group in groups if isinstance(group, Mapping) for each in group.values()]
    directions = [each.get("higher_is_better") for each in measures if isinstance(each, Mapping)]
    known = {key: higher for each in directions if isinstance(each, Mapping) for key, higher in each.items()}
    return known.get(measure.partition("/")[0])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
