"""Fréchet distance within each class: the intra-FID of a conditional generator."""

from __future__ import annotations

from torch import Tensor

from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.functional.gaussian import fit_gaussian


def class_wise_frechet_distances(
    real: Tensor, real_labels: Tensor, fake: Tensor, fake_labels: Tensor, num_classes: int
) -> list[float]:
    """Return the Fréchet distance within each class; their mean is the intra-FID (Miyato & Koyama 2018).

    A class has fewer samples than the whole set, so its distance is biased upwards by more than the FID is.

    Args:
        real: Features: float64, ``(N, D)``.
        real_labels: Their classes: int64, ``(N,)``.
        fake: Features: float64, ``(M, D)``.
        fake_labels: Their classes: int64, ``(M,)``.
        num_classes: Labels are from 0 to ``num_classes - 1``.

    Raises:
        ValueError: One of the sets has fewer than two samples of a class.
    """
    for name, labels in (("real", real_labels), ("generated", fake_labels)):
        few = (labels.bincount(minlength=num_classes) < 2).nonzero()[:, 0].tolist()
        if few:
            raise ValueError(f"class-wise distances need 2 samples of each class; {name} ones lack classes {few}")
    return [
        frechet_distance(fit_gaussian(real[real_labels == label]), fit_gaussian(fake[fake_labels == label]))
        for label in range(num_classes)
    ]
