"""Estimate: one value of a measure, with what is known about it. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A value of a measure, from the measure to the record, the summary and the report.

    Attributes:
        value: The value.
        margin: Its margin of error at 95 % over the choice of generated images; ``None`` if not known.
        real_baseline: The expected value of a perfect generator at these numbers of images; ``None`` if not known.
        real_baseline_spread: The standard deviation of a perfect generator's value; ``None`` if not known.
        higher_is_better: Whether higher is better; ``None`` if the measure does not say.
    """

    value: float
    margin: float | None = None
    real_baseline: float | None = None
    real_baseline_spread: float | None = None
    higher_is_better: bool | None = None

    def plain(self) -> dict[str, Any]:
        """Return the fields that are known, for a file; ``Estimate(**fields)`` restores it."""
        return {name: value for name, value in asdict(self).items() if value is not None}
