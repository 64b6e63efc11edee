"""Margins of error and real baselines of metrics in feature space."""

from __future__ import annotations

import statistics

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.collect import PartitionedFeatures
from gan_experiments.metrics.features import FeatureMeasure, FeatureSet
from gan_experiments.metrics.functional.margins import JACKKNIFE_GROUPS, jackknife_margin

BASELINE_SPLITS = 5  # of the real images, over which a real baseline is averaged


def jackknife_groups(count: int, groups: int = JACKKNIFE_GROUPS) -> Tensor:
    """Assign ``count`` images to ``groups`` in turn: int64, ``(1, count)``."""
    return torch.arange(count)[None] % groups


def real_baseline_splits(count: int, samples: int) -> Tensor:
    """Choose, several times over, the real images that stand in for generated ones.

    They are as many as the ``samples``, but at most half of the ``count`` real images. The choice does not depend on
    the seed of a run, so that runs on one dataset share their real baseline.

    Returns:
        int64, ``(BASELINE_SPLITS, count)``: 1 for the images that stand in for generated ones, 0 for the others.
    """
    size = max(1, min(samples, count // 2))
    splits = torch.zeros(BASELINE_SPLITS, count, dtype=torch.int64)
    for index, split in enumerate(splits):
        split[Stream("yardstick", index).permutation(count)[:size]] = 1
    return splits


def margins(
    measure: FeatureMeasure, own: dict[str, float], real: FeatureSet, fake: PartitionedFeatures, seed: int
) -> dict[str, float]:
    """Return the margins of error at 95 %, over the choice of generated images, of the values that have one.

    They are the measure's ``own`` if it gives any; else, for a measure that ``supports_jackknife``, those of the
    jackknife: it is computed again without each tenth of the generated images.
    """
    groups = range(len(fake.moments[0]))
    too_small = len(groups) < JACKKNIFE_GROUPS or len(fake.without_part(0, 0)) < measure.min_images
    if own or not measure.supports_jackknife or too_small:
        return own
    values = [measure.compute(real, fake.without_part(0, group), seed) for group in groups]
    return {name: jackknife_margin([each[name] for each in values]) for name in values[0]}


def real_baseline(
    measure: FeatureMeasure, real: PartitionedFeatures, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the values of real images in place of generated ones: mean and standard deviation over the splits.

    A measure that does not support the jackknife, because it takes long, is computed for the first split only. A
    measure that needs more images than a side of a split has, or held-out images, has no real baseline.
    """
    splits = range(len(real.moments) if measure.supports_jackknife else 1)
    sides = [(real.part(split, 0), real.part(split, 1)) for split in splits]
    if measure.needs_held_out or min(len(side) for side in sides[0]) < measure.min_images:
        return {}, {}
    values = [measure.compute(*pair, seed) for pair in sides]
    means = {name: statistics.fmean(each[name] for each in values) for name in values[0]}
    spread = {name: statistics.stdev([each[name] for each in values]) for name in means if len(values) > 1}
    return means, spread
