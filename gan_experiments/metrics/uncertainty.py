"""What a value is worth: how far chance moves it, and what real images would get."""

from __future__ import annotations

import math
import statistics

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.collect import Collected
from gan_experiments.metrics.features import FeatureMeasure, FeatureSet

PARTS = 10  # that a set of generated images is cut into
SPLITS = 5  # of the real images, that a real_baseline is averaged over

_QUANTILE = 2.262  # of Student's t with PARTS - 1 degrees of freedom, at 97.5 %


def dealt_out(count: int, parts: int = PARTS) -> Tensor:
    """Deal ``count`` images out to ``parts``: int64, ``(1, count)``."""
    return torch.arange(count)[None] % parts


def halved(count: int, samples: int) -> Tensor:
    """Choose, several times over, the real images that stand in for generated ones: as many, but not more than half.

    Returns:
        int64, ``(SPLITS, count)``: 1 for those, 0 for the others. No seed moves it: runs share their real_baseline.
    """
    size = max(1, min(samples, count // 2))
    chosen = torch.zeros(SPLITS, count, dtype=torch.int64)
    for split, inside in enumerate(chosen):
        inside[Stream("yardstick", split).permutation(count)[:size]] = 1
    return chosen


def margin_of_mean(samples: Tensor) -> float:
    """Return the margin of error at 95 % of the mean of what was found of each image ``(N,)``."""
    deviation: float = samples.double().std(correction=0).item()
    return 1.96 * deviation / math.sqrt(len(samples))


def margins(
    measure: FeatureMeasure, known: dict[str, float], real: FeatureSet, fake: Collected, seed: int
) -> dict[str, float]:
    """Return the margins of error at 95 %, over the choice of generated images, of those values that have one.

    A measure that has ``known`` none of its own is computed again without each tenth of the images: the jackknife that
    leaves out groups (Efron & Tibshirani 1993, chapter 11).
    """
    parts = range(len(fake.moments[0]))
    if known or not measure.supports_jackknife or len(parts) < PARTS or len(fake.rest(0, 0)) < measure.min_images:
        return known
    again = [measure.compute(real, fake.rest(0, part), seed) for part in parts]
    return {name: _QUANTILE * _error([values[name] for values in again]) for name in again[0]}


def real_baseline(measure: FeatureMeasure, real: Collected, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return what real images get that are compared with the other real images: mean and deviation over splits.

    A measure that is not cheap is computed for the first split only, and one that has too few images for none.
    """
    sides = [
        (real.part(split, 0), real.part(split, 1))
        for split in range(len(real.moments) if measure.supports_jackknife else 1)
    ]
    if measure.needs_held_out or min(len(side) for side in sides[0]) < measure.min_images:
        return {}, {}
    found = [measure.compute(*pair, seed) for pair in sides]
    means = {name: statistics.fmean(values[name] for values in found) for name in found[0]}
    spread = {name: statistics.stdev([values[name] for values in found]) for name in means if len(found) > 1}
    return means, spread


def _error(values: list[float]) -> float:
    """Return the jackknife's standard error from the values without each of the groups."""
    mean = statistics.fmean(values)
    return math.sqrt((len(values) - 1) / len(values) * sum((value - mean) ** 2 for value in values))
