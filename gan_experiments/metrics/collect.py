"""From batches of features to sets, over all processes, in parts that can be taken out again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gan_experiments.core.distributed import from_all_processes
from gan_experiments.metrics.features import FeatureSet
from gan_experiments.metrics.moments import Moments

KEPT = ("features", "logits", "labels")


@dataclass
class Collected:
    """A set of images, and divisions of it into parts.

    Attributes:
        whole: All of them.
        membership: The part that each image belongs to, in each division: int64, ``(D, N)``.
        moments: Those of every part, by division.
    """

    whole: FeatureSet
    membership: Tensor
    moments: list[list[Moments]]

    def part(self, division: int, number: int) -> FeatureSet:
        """Return one part."""
        return self.whole.take(self.membership[division] == number, self.moments[division][number])

    def rest(self, division: int, number: int) -> FeatureSet:
        """Return all but one part."""
        others = [moments for part, moments in enumerate(self.moments[division]) if part != number]
        return self.whole.take(self.membership[division] != number, merged(others))


class Collector:
    """Takes in the features of a set of images batch by batch.

    What it holds beside the moments, which are those of every part, is what ``keeps`` names, of this process's images.

    Args:
        membership: The part that each image belongs to, in each division: int64, ``(D, N)``.
        keeps: What to keep of every image: ``features``, ``logits``, ``labels``.
    """

    def __init__(self, membership: Tensor, keeps: Iterable[str]) -> None:
        self._membership = membership
        self._keeps = frozenset(keeps)
        self._moments: list[list[Moments]] = []
        self._kept: dict[str, list[Tensor]] = {name: [] for name in KEPT}

    def add(self, start: int, features: Tensor, logits: Tensor | None, labels: Tensor | None) -> None:
        """Take in the images from number ``start`` on: features ``(B, F)``, logits ``(B, K)``, labels ``(B,)``."""
        features, logits, labels = off_mps(features, logits, labels)
        if not self._moments:
            sizes = [int(division.max()) + 1 for division in self._membership]
            self._moments = [[Moments(features.shape[1]) for _ in range(size)] for size in sizes]
        exact = features.double()
        inside = self._membership[:, start : start + len(features)].to(exact.device)
        for parts, places in zip(self._moments, inside, strict=True):
            for number, part in enumerate(parts):
                part.update(exact[places == number] if len(parts) > 1 else exact)
        for name, values in zip(KEPT, (features.float(), logits, labels), strict=True):
            if name in self._keeps and values is not None:
                self._kept[name].append(values.float() if name == "logits" else values)

    def collected(self, world_size: int = 1) -> Collected:
        """Return the set, of the images of all processes, each of which must have taken in a batch, if an empty one."""
        kept: dict[str, Any] = {}
        moments = self._moments
        for name, batches in self._kept.items():
            kept[name] = torch.cat(batches) if batches else None
        if world_size > 1:
            moments = [[_of_all_processes(part) for part in parts] for parts in moments]
            kept = {name: None if values is None else _joined(values) for name, values in kept.items()}
        return Collected(FeatureSet(merged(moments[0]), **kept), self._membership, moments)


def share(count: int, batch_size: int, rank: int, world_size: int) -> list[tuple[int, int]]:
    """Cut ``count`` into batches and return this rank's: consecutive ones, the same batches for any world size."""
    batches = [(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
    first, last = (len(batches) * place // world_size for place in (rank, rank + 1))
    # A process without images still takes part in the exchange, with none.
    return batches[first:last] or [(count, count)]


def merged(parts: Sequence[Moments]) -> Moments:
    """Return the moments of several sets together."""
    whole = Moments(parts[0].num_features)
    for part in parts:
        whole.merge(part)
    return whole


def off_mps(*values: Any) -> tuple[Any, ...]:
    """Return tensors, or ``None`` for ``None``, on the CPU if they are on MPS, which knows no float64."""
    return tuple(each.cpu() if each is not None and each.device.type == "mps" else each for each in values)


def _of_all_processes(moments: Moments) -> Moments:
    own = moments.state()
    place = max((values.device for values in own.values()), key=lambda device: device.type != "cpu")
    states = from_all_processes({name: values.cpu() for name, values in own.items()})
    return merged([Moments.from_state({name: values.to(place) for name, values in state.items()}) for state in states])


def _joined(values: Tensor) -> Tensor:
    return torch.cat(from_all_processes(values.cpu())).to(values.device)
