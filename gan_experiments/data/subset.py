"""Random, class-balanced and long-tailed training subsets, chosen by the seed alone."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError


def choose_subset(
    count: int,
    labels: Tensor | None,
    seed: int,
    limit: int | None = None,
    per_class: int | None = None,
    long_tail: float = 1.0,
) -> Tensor:
    """Choose the images to train on; for one seed, a smaller subset is contained in a larger one.

    Args:
        count: Number of images, ``N``.
        labels: Labels ``(N,)``; ``None`` for unlabelled data.
        seed: Seed of the random choice.
        limit: Number of images to choose in total; ``None``: all.
        per_class: Number of images to choose from each class; ``None``: all.
        long_tail: Ratio of the largest class to the smallest; sizes fall exponentially from class 0 on (Cui et al.
            2019, section 5.1). 1 leaves the classes as they are.

    Returns:
        Ascending indices: int64, ``(M,)``.

    Raises:
        ConfigError: The dataset has too few images, or it has no labels and ``per_class`` or ``long_tail`` needs them.
    """
    chosen = Stream(seed, "subset").permutation(count)
    if per_class is not None or long_tail != 1.0:
        if labels is None:
            key = "per_class" if per_class is not None else "long_tail"
            raise ConfigError(f"dataset.{key}: the images have no labels")
        chosen = _of_each_class(chosen, labels, per_class, long_tail)
    if limit is not None:
        if limit > len(chosen):
            raise ConfigError(f"dataset.limit: {limit} images requested, {len(chosen)} are available")
        chosen = chosen[:limit]
    return chosen.sort().values


def _of_each_class(shuffled: Tensor, labels: Tensor, per_class: int | None, long_tail: float) -> Tensor:
    """Return the first images of each class in ``shuffled``, in that order."""
    sizes = torch.bincount(labels)
    smallest, scarce = int(sizes.min()), int(sizes.argmin())
    if per_class is not None:
        if per_class > smallest:
            raise ConfigError(f"dataset.per_class: {per_class} images requested, class {scarce} has {smallest}")
        sizes = torch.full_like(sizes, per_class)
    elif not smallest:
        raise ConfigError(f"dataset.long_tail: class {scarce} has no images; the sizes follow from the smallest class")
    rank = torch.linspace(0, 1, len(sizes), dtype=torch.float64)
    # The curve starts at the size of the smallest class, so its shape does not depend on the sizes of the others.
    curve = sizes if long_tail == 1.0 else (sizes.min() * long_tail**-rank).round().clamp_(min=1).long()
    kept = torch.zeros(len(labels), dtype=torch.bool)
    ordered = labels[shuffled]
    for label, size in enumerate(curve.tolist()):
        kept[shuffled[ordered == label][:size]] = True
    return shuffled[kept[shuffled]]
