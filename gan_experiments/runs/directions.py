"""Direction of a measure, as the record of a run says it. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_GROUPS = ("features", "measures")


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
