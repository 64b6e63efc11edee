"""Margins of error at 95 %: of a mean over samples, and of any value by the jackknife."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from torch import Tensor

JACKKNIFE_GROUPS = 10

_NORMAL_QUANTILE = 1.96
_T_QUANTILE = 2.262  # of Student's t with JACKKNIFE_GROUPS - 1 degrees of freedom, at 97.5 %


def margin_of_mean(samples: Tensor) -> float:
    """Return the margin of error at 95 % of the mean of independent samples ``(N,)``."""
    deviation: float = samples.double().std(correction=0).item()
    return _NORMAL_QUANTILE * deviation / math.sqrt(len(samples))


def margin_of_share(share: float, count: int) -> float:
    """Return the margin of error at 95 % of the share of ``count`` independent samples that have a property."""
    return _NORMAL_QUANTILE * math.sqrt(share * (1 - share) / count)


def jackknife_margin(values: Sequence[float]) -> float:
    """Return the margin of error at 95 % of a value by the delete-a-group jackknife (Efron & Tibshirani 1993, ch. 11).

    Args:
        values: The value computed without each of ``JACKKNIFE_GROUPS`` groups of equal size.

    Raises:
        ValueError: There is another number of values.
    """
    if len(values) != JACKKNIFE_GROUPS:
        raise ValueError(f"the jackknife needs {JACKKNIFE_GROUPS} values, one without each group, not {len(values)}")
    mean = statistics.fmean(values)
    squares = sum((value - mean) ** 2 for value in values)
    return _T_QUANTILE * math.sqrt((len(values) - 1) / len(values) * squares)
