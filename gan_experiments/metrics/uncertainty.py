"""Splits of the real images for the real baseline of metrics in feature space."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream

BASELINE_SPLITS = 5  # of the real images, over which a real baseline is averaged


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
