"""Rules that name a failure of training from the values that a run logs: each returns what is wrong, or ``None``.

Thresholds lie between what healthy runs and planted failures of ``benchmarks/diagnosis.py`` reach, or are an author's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

ROWS = 8  # in a row that have to agree: one third of the least window of an oscillation
WINDOW = 32  # rows in which an oscillation is looked for
_SURE = 0.99  # accuracy, of both kinds of images: healthy runs with R1 have at most 0.9 of the fakes
_CHANGE = 20.0  # factor of the generator's gradient: at most 5 in healthy runs, from 100 on where it learns nothing
_IDENTICAL = 0.01  # of the spread of real images: less than the rounding to 256 levels of grey
_GATHERED = 0.1  # of it: an untrained generator's, before it has learned anything
_FALLEN = 0.25  # of the largest spread of the run so far
_PATIENCE = 0.2  # of the budget, before which a generator may be as it was initialized
_CORRELATION = 0.5  # of a period and, negative, of half of one: 2.8 standard deviations of noise in 32 rows
_SHORTEST = 4  # rows of a period: a faster one does not show in means of rows
_PERIODS = 3  # in the window: a drift has one or two

GRADIENT = "gradient_norm/generator"
LOSSES = ("loss/discriminator", "loss/generator")
ACCURACIES = ("accuracy/real", "accuracy/fake")
RANKING = "accuracy/ranking"
SPREADS = ("failures/spread", "failures/nearest")

Series = Mapping[str, Sequence[float]]


def discriminator_too_strong(series: Series, first: Mapping[str, float], signed: bool) -> str | None:
    """Return how a discriminator that makes no error leaves the generator without a gradient, or with an exploding one.

    With the minimax loss the gradient vanishes (Arjovsky & Bottou 2017, theorem 2.4), with others it grows without
    bound and points nowhere (theorem 2.6).

    Args:
        series: The latest values of what is logged, by name.
        first: The first values of the run: those of an untrained discriminator.
        signed: Whether the sign of an output says what the discriminator takes the image for.
    """
    names = ACCURACIES if signed else (RANKING,)
    recent = [series[name][-ROWS:] for name in names]
    if any(len(values) < ROWS or min(values) < _SURE for values in recent) or not series[GRADIENT]:
        return None
    now, before = float(np.median(series[GRADIENT][-ROWS:])), first[GRADIENT]
    if not before / _CHANGE < now < before * _CHANGE:
        change = "vanished" if now < before else "exploded"
        text = f"the discriminator makes no error any more, and the generator's gradient has {change}"
        return f"{text}: {now:.2g}, {before:.2g} at first"
    return None


def mode_collapse(series: Series, largest: Mapping[str, float], progress: float) -> str | None:
    """Return how much closer than real images the samples lie, all together or each to its nearest.

    A generator whose samples have never been apart is one only if the discriminator errs: otherwise that is too strong.

    Args:
        series: The latest values of what is logged, by name.
        largest: The largest median over ``ROWS`` values of each spread so far, and the first.
        progress: Share of the budget that is spent.
    """
    learns_nothing = progress >= _PATIENCE and bool(series[RANKING]) and np.median(series[RANKING][-ROWS:]) < _SURE
    for name, meaning in zip(SPREADS, ("the spread of", "the distance to the nearest of"), strict=True):
        recent, before = series[name][-ROWS:], min(1.0, largest.get(name, 0.0))
        limit = max(_IDENTICAL, _FALLEN * before, _GATHERED * learns_nothing)
        if len(recent) == ROWS and max(recent) < limit:
            text = f"{meaning} samples is {float(np.median(recent)):.2g} of that of real images"
            return text + (f", and has been {before:.2g}" if before > 2 * _GATHERED else "")
    return None


def oscillation(series: Series) -> str | None:
    """Return the period at which the losses of both networks go around."""
    first, *others = LOSSES
    rows = period(series[first])
    if rows is None or not all(period(series[name]) for name in others):
        return None
    return f"the losses of both networks repeat themselves every {rows} rows of metrics.csv"


def period(values: Sequence[float]) -> int | None:
    """Return the period of a series in rows, from its autocorrelation without the linear trend; ``None``: it has none.

    Args:
        values: Of which the last ``WINDOW`` count.
    """
    recent = np.asarray(values[-WINDOW:], dtype=np.float64)
    if len(recent) < WINDOW or not np.isfinite(recent).all():
        return None
    r = _autocorrelation(recent)
    for lag in range(_SHORTEST, WINDOW // _PERIODS + 1):
        if r[lag] >= max(_CORRELATION, r[lag - 1], r[lag + 1]) and r[1:lag].min() <= -_CORRELATION:
            return lag
    return None


def _autocorrelation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    count = len(values)
    times = np.arange(count) - (count - 1) / 2
    away = values - np.median(values)
    scaled = np.arcsinh(away / (np.median(np.abs(away)) or 1.0))  # in which an oscillation that grows is one, too
    rest = scaled - scaled.mean() - times * (times @ scaled) / (times @ times)
    power = float(np.square(rest).sum())
    if power <= 1e-20 * count:  # a line
        return np.zeros(count // 2 + 1)
    lags = np.arange(count // 2 + 1)
    r: NDArray[np.float64] = np.correlate(rest, rest, "full")[count - 1 + lags] * count / (count - lags) / power
    return r


def memorization(copied: float, real: float, count: int) -> str | None:
    """Return how many samples are copies of a training image: more than three deviations beyond that of real images.

    Args:
        copied: Share of the samples that are copies, see ``share_of_copies``.
        real: The same of real images; of at least one in ``count``, as a share of 0 may have been luck.
        count: Samples.
    """
    usual = max(real, 1 / count)
    if copied <= usual + 3 * float(np.sqrt(usual * (1 - usual) / count)):
        return None
    return f"{copied:.0%} of the samples are copies of a training image; of real images {real:.0%} would be"
