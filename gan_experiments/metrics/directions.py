"""Direction of the values of a measure: whether higher is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def directions(measure: Any) -> dict[str, bool]:
    """Return whether higher is better, by value, of a measure or its class; empty if it does not say."""
    higher = getattr(measure, "higher_is_better", None)
    if isinstance(higher, Mapping):
        return dict(higher)
    return {} if higher is None else dict.fromkeys(measure.values, higher)
