"""Alpha spending: at which level each look of a sequential study tests, so that all looks together hold one level.

The level is spent as ``alpha t^3``, where t is the share of the seeds (the power family of Kim & DeMets 1987 in the
approach of Lan & DeMets 1983); with the third power most is left for the last look. The level of each look follows by
numerical integration over the paths that have not stopped (Armitage, McPherson & Rowe 1969), for means of normal
values; as levels of p values they serve other tests (the significance-level approach, Jennison & Turnbull 2000, section
3.3).
``benchmarks/sequential.py`` has the simulation for other values.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from gan_experiments.runs.metrics_table import Floats

_POWER = 3
_ALPHAS = np.geomspace(1e-8, 0.99, 60)  # levels of the whole study for which those of the looks are computed
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_LARGEST = 12.0  # standard deviations


def level_of_look(looks: tuple[int, ...], index: int, alpha: float) -> float:
    """Return the level of a look, of a study whose looks together hold ``alpha``."""
    return float(np.exp(np.interp(np.log(alpha), np.log(_ALPHAS), np.log(_levels(looks)[:, index]))))


def p_of_study(looks: tuple[int, ...], index: int, p: float) -> float:
    """Return the least level of the whole study at which a look with this p value rejects (Liu & Anderson 2008)."""
    levels = _levels(looks)[:, index]
    if p <= levels[0]:
        return float(p * _ALPHAS[0] / levels[0])
    if p >= levels[-1]:
        return 1.0
    return float(np.exp(np.interp(np.log(p), np.log(levels), np.log(_ALPHAS))))


@lru_cache(maxsize=16)
def _levels(looks: tuple[int, ...]) -> Floats:
    """Return the level of each look ``(K,)`` for each of ``_ALPHAS``: ``(G, K)``."""
    return np.array([_levels_for(np.array(looks) / looks[-1], alpha) for alpha in _ALPHAS])


def _levels_for(shares: Floats, alpha: float) -> list[float]:
    from scipy.optimize import brentq  # takes as long to import as all else here, and few studies are sequential

    spent = np.diff(np.concatenate([[0.0], alpha * shares**_POWER]))
    levels: list[float] = []
    points, density = np.zeros(1), np.ones(1)  # Brownian motion at the look before, where it has not been stopped
    before = 0.0
    for share, spend in zip(shares, spent, strict=True):
        step = np.sqrt(share - before)

        def excess(
            bound: float, points: Floats = points, mass: Floats = density, step: float = step, spend: float = spend
        ) -> float:
            tails = ndtr((-bound - points) / step) + ndtr((points - bound) / step)
            return float(mass @ tails) - spend

        root = np.sqrt(share)
        bound = brentq(excess, 0.0, _LARGEST * root) if excess(0.0) > 0 > excess(_LARGEST * root) else 0.0
        levels.append(float(2 * ndtr(-bound / root)))
        after = bound * _NODES
        density = bound * _WEIGHTS * (_normal_density((after[:, None] - points) / step) / step @ density)
        points, before = after, share
    return levels


def _normal_density(values: Floats) -> Floats:
    density: Floats = np.exp(-(values**2) / 2) / np.sqrt(2 * np.pi)
    return density
