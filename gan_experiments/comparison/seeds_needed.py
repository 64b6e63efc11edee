"""Estimate of the seeds that a study needs for a verdict, by simulation."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from gan_experiments.comparison.difference import p_of_moments
from gan_experiments.comparison.statistics import ALPHA
from gan_experiments.runs.metrics_table import Floats

MOST_SEEDS = 1000  # larger numbers are not computed
_POWER = 0.8
_STUDIES = 400


def seeds_needed(first: ArrayLike, second: ArrayLike, matched: bool, family: int) -> float | None:
    """Return the seeds per arm with which a difference as large as this one is significant in 80 % of studies.

    Studies of normal values with the means, spreads and, where seeds are ``matched``, correlation of the arms are
    simulated, and tested at the Bonferroni level.

    Args:
        first: Values of the first arm; diverged ones are left out.
        second: Values of the second.
        matched: Whether the arms have the same seeds, in this order.
        family: How many comparisons there are.

    Returns:
        Infinite if 1000 are not enough; ``None`` if too little is known about the spread, or there is no difference.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    matched = matched and bool(np.isfinite(a).all() and np.isfinite(b).all())
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if min(len(a), len(b)) < 2 or a.mean() == b.mean():
        return None
    spreads = float(a.std(ddof=1)), float(b.std(ddof=1))
    shared = float(np.corrcoef(a, b)[0, 1]) if matched and min(spreads) > 0 else 0.0
    difference = float(a.mean() - b.mean())

    def enough(count: int) -> bool:
        return bool((_p_values(count, difference, spreads, shared) * family <= ALPHA).mean() >= _POWER)

    low, high = 1, 4
    while not enough(high):
        if high == MOST_SEEDS:
            return math.inf
        low, high = high, min(2 * high, MOST_SEEDS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _p_values(count: int, difference: float, spreads: tuple[float, float], shared: float) -> Floats:
    """Return the p values of the simulated studies: ``(_STUDIES,)``; ``shared`` is the correlation of the arms.

    A value of the first arm is a spread times a draw ``x``, one of the second is the other spread times
    ``shared x + own y``: all moments follow from those of the draws.
    """
    mean_x, mean_y, *squares = _sums()[..., count - 1] / count
    products = mean_x**2, mean_y**2, mean_x * mean_y
    var_x, var_y, covariance = (count / (count - 1) * (each - of) for each, of in zip(squares, products, strict=True))
    own = math.sqrt(max(0.0, 1 - shared**2))
    first, second = spreads
    means = difference + first * mean_x - second * (shared * mean_x + own * mean_y)
    var_second = second**2 * (shared**2 * var_x + 2 * shared * own * covariance + own**2 * var_y)
    var_first, product = first**2 * var_x, first * second * (shared * var_x + own * covariance)
    of_pairs = np.maximum(var_first + var_second - 2 * product, 0.0)  # rounding
    return p_of_moments(means, (var_first, var_second), of_pairs, count)


@lru_cache(1)
def _sums() -> Floats:
    """Return the sums of x, y, x^2, y^2 and x y over the first 1, 2, ... draws: ``(5, _STUDIES, MOST_SEEDS)``."""
    x, y = np.random.default_rng(0).normal(size=(2, _STUDIES, MOST_SEEDS))
    sums = np.stack([x, y, x * x, y * y, x * y])
    return np.cumsum(sums, axis=-1, out=sums)
