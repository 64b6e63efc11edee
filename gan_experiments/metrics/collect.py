"""Collecting features of a set of images batch by batch, over all processes, in parts that can be left out again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gan_experiments.core.distributed import all_gather
from gan_experiments.metrics.features import FeatureSet
from gan_experiments.metrics.moments import Moments

PER_IMAGE = ("features", "logits", "labels")  # what a collector can keep of every image


@dataclass
class PartitionedFeatures:
    """The features of a set of images, with one or more partitions of the set.

    Attributes:
        whole: All images.
        membership: The part that each image belongs to, in each partition: int64, ``(P, N)``.
        moments: The moments of every part, by partition.
    """

    whole: FeatureSet
    membership: Tensor
    moments: list[list[Moments]]

    def part(self, partition: int, index: int) -> FeatureSet:
        """Return one part of a partition."""
        return self.whole.take(self.membership[partition] == index, self.moments[partition][index])

    def without_part(self, partition: int, index: int) -> FeatureSet:
        """Return all images but those of one part."""
        others = [moments for part, moments in enumerate(self.moments[partition]) if part != index]
        return self.whole.take(self.membership[partition] != index, merge_moments(others))


class FeatureCollector:
    """Collects the features of a set of images batch by batch.

    It holds the moments of every part, and of every image of this process what ``keeps`` names.

    Args:
        membership: The part that each image belongs to, in each partition: int64, ``(P, N)``.
        keeps: What to keep of every image: ``features``, ``logits``, ``labels``.
    """

    def __init__(self, membership: Tensor, keeps: Iterable[str]) -> None:
        self._membership = membership
        self._keeps = frozenset(keeps)
        self._moments: list[list[Moments]] = []
        self._kept: dict[str, list[Tensor]] = {name: [] for name in PER_IMAGE}

    def add(self, start: int, features: Tensor, logits: Tensor | None, labels: Tensor | None) -> None:
        """Add the images from index ``start`` on: features ``(B, F)``, logits ``(B, K)``, labels ``(B,)``."""
        features, logits, labels = cpu_if_mps(features, logits, labels)
        if not self._moments:
            sizes = [int(partition.max()) + 1 for partition in self._membership]
            self._moments = [[Moments(features.shape[1]) for _ in range(size)] for size in sizes]
        exact = features.double()
        membership = self._membership[:, start : start + len(features)].to(exact.device)
        for parts, of_images in zip(self._moments, membership, strict=True):
            for index, part in enumerate(parts):
                part.update(exact[of_images == index] if len(parts) > 1 else exact)
        for name, values in zip(PER_IMAGE, (features.float(), logits, labels), strict=True):
            if name in self._keeps and values is not None:
                self._kept[name].append(values.float() if name == "logits" else values)

    def collected(self, world_size: int = 1) -> PartitionedFeatures:
        """Return the images of all processes, each of which must have added a batch, if only an empty one."""
        kept: dict[str, Any] = {}
        moments = self._moments
        for name, batches in self._kept.items():
            kept[name] = torch.cat(batches) if batches else None
        if world_size > 1:
            moments = [[_gather_moments(part) for part in parts] for parts in moments]
            kept = {name: None if values is None else _gather_rows(values) for name, values in kept.items()}
        return PartitionedFeatures(FeatureSet(merge_moments(moments[0]), **kept), self._membership, moments)


def rank_batches(count: int, batch_size: int, rank: int, world_size: int) -> list[tuple[int, int]]:
    """Return this rank's consecutive batches of ``count`` images, as (start, stop); the same for any world size."""
    batches = [(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
    first, last = (len(batches) * index // world_size for index in (rank, rank + 1))
    # A process without images still takes part in the exchange, with an empty batch.
    return batches[first:last] or [(count, count)]


def merge_moments(parts: Sequence[Moments]) -> Moments:
    """Return the moments of the union of several sets."""
    whole = Moments(parts[0].num_features)
    for part in parts:
        whole.merge(part)
    return whole


def cpu_if_mps(*values: Any) -> tuple[Any, ...]:
    """Return tensors on MPS, which does not support float64, on the CPU, and everything else as it is."""
    return tuple(each.cpu() if each is not None and each.device.type == "mps" else each for each in values)


def _gather_moments(moments: Moments) -> Moments:
    own = moments.state()
    device = max((values.device for values in own.values()), key=lambda device: device.type != "cpu")
    states = all_gather({name: values.cpu() for name, values in own.items()})
    return merge_moments(
        [Moments.from_state({name: values.to(device) for name, values in state.items()}) for state in states]
    )


def _gather_rows(values: Tensor) -> Tensor:
    return torch.cat(all_gather(values.cpu())).to(values.device)
