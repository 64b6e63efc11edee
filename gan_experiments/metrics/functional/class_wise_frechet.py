"""The Fréchet distance within each class: what a conditional generator makes of its labels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.moments import Moments


class ClassMoments:
    """Adds up features by class.

    Memory: ``num_classes`` times that of ``Moments``, at most ``2 D^2`` numbers each.

    Args:
        num_classes: Classes.
        num_features: ``D``, the length of a feature vector.
    """

    def __init__(self, num_classes: int, num_features: int) -> None:
        self.classes = [Moments(num_features) for _ in range(num_classes)]

    def update(self, features: Tensor, labels: Tensor) -> None:
        """Take in features ``(B, D)``, float64, with their labels ``(B,)``."""
        for label in torch.unique(labels).tolist():
            self.classes[label].update(features[labels == label])

    def merge(self, other: ClassMoments) -> None:
        """Take in all that another one has seen."""
        for mine, theirs in zip(self.classes, other.classes, strict=True):
            mine.merge(theirs)

    def state(self) -> dict[str, Tensor]:
        """Return all there is to it as tensors; ``from_state`` takes them."""
        states = enumerate(moments.state() for moments in self.classes)
        return {f"{label}.{name}": value for label, state in states for name, value in state.items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> ClassMoments:
        """Return one that goes on from ``state()``."""
        parts: dict[int, dict[str, Tensor]] = {}
        for key, value in state.items():
            label, name = key.split(".")
            parts.setdefault(int(label), {})[name] = value
        found = cls(0, 0)
        found.classes = [Moments.from_state(parts[label]) for label in sorted(parts)]
        return found


def class_wise_frechet_distances(real: ClassMoments, fake: ClassMoments) -> list[float]:
    """Return the Fréchet distance within each class (the intra-FID of Miyato & Koyama 2018); the score is their mean.

    A class has fewer samples than the whole, so that its distance is biased upwards by more than the FID is.

    Raises:
        ValueError: The sets differ in their classes, or have fewer than two samples of one.
    """
    if len(real.classes) != len(fake.classes):
        raise ValueError(f"{len(real.classes)} classes cannot be compared with {len(fake.classes)}")
    for name, side in (("real", real), ("generated", fake)):
        few = [label for label, moments in enumerate(side.classes) if moments.count < 2]
        if few:
            raise ValueError(f"a distance within a class needs 2 samples of it; {name} ones lack classes {few}")
    pairs = zip(real.classes, fake.classes, strict=True)
    return [frechet_distance(one.gaussian(), other.gaussian()) for one, other in pairs]
