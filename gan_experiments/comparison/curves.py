"""The curve of an arm: median and band over the periodic evaluations of its seeds."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gan_experiments.comparison.arms import Criterion
from gan_experiments.comparison.design import Arm
from gan_experiments.runs.metrics_table import Floats

_LOW, _HIGH = 0.1, 0.9  # quantiles of the band


class MiddleCurve(NamedTuple):
    """Median and quantile band over the curves of an arm; ``inf`` where they include a diverged seed."""

    images: Floats
    seconds: Floats
    middle: Floats
    low: Floats
    high: Floats


def middle_curve(arm: Arm, criterion: Criterion) -> MiddleCurve | None:
    """Aggregate the curves of an arm at the clock values at which more than half of its seeds have one."""
    ended = [run for run in arm.runs.values() if run.ended]
    curves = [curve for run in ended if (curve := run.curves.get(criterion.measure)) is not None]
    images = np.unique(np.concatenate([curve.images for curve in curves])) if curves else np.empty(0)
    if not len(images):
        return None
    table, times = np.full((2, len(ended), len(images)), np.nan)
    for row, run in enumerate(ended):
        curve = run.curves.get(criterion.measure)
        if run.status == "diverged":
            table[row] = np.inf  # everywhere, if it has no evaluation
        if curve is not None:
            columns = np.searchsorted(images, curve.images)
            table[row, columns] = np.where(np.isfinite(curve.values), criterion.sign * curve.values, np.inf)
            table[row, : columns[0]] = np.nan
            times[row, columns] = curve.seconds
    kept = (~np.isnan(table)).sum(axis=0) * 2 > len(ended)
    table, images = table[:, kept], images[kept]
    if not len(images):
        return None
    low, middle, high = (np.array([_quantile(column, share) for column in table.T]) for share in (_LOW, 0.5, _HIGH))
    sign = criterion.sign
    low, high = (sign * high, sign * low) if criterion.higher_is_better else (low, high)
    seconds = np.array([np.nanmedian(column) if np.isfinite(column).any() else np.nan for column in times[:, kept].T])
    return MiddleCurve(images, seconds, sign * middle, low, high)


def _quantile(values: Floats, share: float) -> float:
    """Return a quantile of the values that are not NaN; infinite if it is interpolated with an infinite one."""
    ordered = np.sort(values[~np.isnan(values)])
    position = share * (len(ordered) - 1)
    below, above = float(ordered[math.floor(position)]), float(ordered[math.ceil(position)])
    weight = position - math.floor(position)
    if weight == 0:
        return below
    return below + weight * (above - below) if math.isfinite(above) else above
