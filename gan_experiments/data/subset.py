"""Which images of a dataset a run trains on: all of them, or a part that depends on the seed alone."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError


def choose(
    count: int,
    labels: Tensor | None,
    seed: int,
    limit: int | None = None,
    per_class: int | None = None,
    long_tail: float = 1.0,
) -> Tensor:
    """Choose images to train on; of the same seed, a smaller part lies within a larger one.

    Args:
        count: Images there are, ``N``.
        labels: Their classes, ``(N,)``; ``None`` for unlabelled data.
        seed: Of the choice.
        limit: Images in all.
        per_class: Images of each class.
        long_tail: Size of the largest class over that of the smallest; between them sizes fall exponentially from
            class 0 on (Cui et al. 2019, section 5.1). 1 leaves them as they are.

    Returns:
        Indices, ascending: int64, ``(M,)``.

    Raises:
        ConfigError: There are not as many, or the choice needs labels and there are none.
    """
    chosen = Stream(seed, "subset").permutation(count)
    if per_class is not None or long_tail != 1.0:
        if labels is None:
            key = "per_class" if per_class is not None else "long_tail"
            raise ConfigError(f"dataset.{key}: the images carry no labels")
        chosen = _of_each_class(chosen, labels, per_class, long_tail)
    if limit is not None:
        if limit > len(chosen):
            raise ConfigError(f"dataset.limit: {limit} images asked for, there are {len(chosen)}")
        chosen = chosen[:limit]
    return chosen.sort().values


def _of_each_class(shuffled: Tensor, labels: Tensor, per_class: int | None, long_tail: float) -> Tensor:
    """Return the first images of each class in ``shuffled``, in the order of it."""
    sizes = torch.bincount(labels)
    smallest = int(sizes.min())
    if per_class is not None:
        if per_class > smallest:
            scarce = int(sizes.argmin())
            raise ConfigError(f"dataset.per_class: {per_class} images asked for, class {scarce} has {smallest}")
        sizes = torch.full_like(sizes, per_class)
    rank = torch.linspace(0, 1, len(sizes), dtype=torch.float64)
    # The curve starts at the smallest class, so that its shape does not depend on how full the others are.
    curve = sizes if long_tail == 1.0 else (sizes.min() * long_tail**-rank).round().clamp_(min=1).long()
    kept = torch.zeros(len(labels), dtype=torch.bool)
    ordered = labels[shuffled]
    for label, size in enumerate(curve.tolist()):
        kept[shuffled[ordered == label][:size]] = True
    return shuffled[kept[shuffled]]
