"""Precision-recall curve of distributions (PRD), from the clusters of both sets of features."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_experiments.core.randomness import Stream, derive_seed

CLUSTERS = 20  # the defaults of the authors' code
RUNS = 10
ANGLES = 1001
_BETA = 8.0
_SIMULATED = 200  # pairs of histograms that the real baseline is the mean of


class PrecisionRecallCurve(NamedTuple):
    """A precision-recall curve of distributions, and the two numbers that sum it up.

    Attributes:
        precision: Precision at each slope: float64, ``(angles,)``.
        recall: Recall at each slope: float64, ``(angles,)``.
        f_precision: The largest F score that weights precision 8 times as much, F_1/8.
        f_recall: The largest F score that weights recall 8 times as much, F_8.
    """

    precision: Tensor
    recall: Tensor
    f_precision: float
    f_recall: float


def precision_recall_curve(
    real: Tensor, fake: Tensor, seed: int, clusters: int = CLUSTERS, runs: int = RUNS
) -> PrecisionRecallCurve:
    """Return the curve of two sets of features: the mean over several clusterings of both together.

    Sajjadi et al. 2018, with mini-batch k-means as in their code. Of the larger set as many random samples are taken as
    the smaller one has, because clusters go with the larger set.

    Args:
        real: Features: ``(N, D)``.
        fake: Features: ``(M, D)``.
        seed: Seed of everything random in it.
        clusters: Number of clusters.
        runs: Clusterings that the curve is averaged over.

    Raises:
        ValueError: One of the sets is smaller than the number of clusters.
    """
    size = min(len(real), len(fake))
    if size < clusters:
        raise ValueError(f"{clusters} clusters need at least as many samples, not {size}")
    stream = Stream(seed, "prd")
    both = [each[stream.permutation(len(each))[:size].to(each.device)].double().cpu() for each in (real, fake)]
    points = torch.cat(both).numpy()
    curves = []
    for run in range(runs):
        labels = cluster(points, clusters, derive_seed(seed, "prd", run))
        of_real, of_fake = (torch.bincount(part, minlength=clusters) for part in torch.from_numpy(labels).view(2, -1))
        curves.append(torch.stack(curve_of_histograms(of_real, of_fake)))
    precision, recall = torch.stack(curves).mean(0)
    return PrecisionRecallCurve(precision, recall, *(score.item() for score in f_scores(precision, recall)))


def curve_of_histograms(real: Tensor, fake: Tensor, angles: int = ANGLES) -> tuple[Tensor, Tensor]:
    """Return precision and recall at each slope ``s``: ``sum min(s p, q)`` and ``sum min(p, q / s)``.

    Sajjadi et al. 2018, at equally spaced angles between 0 and 90 degrees.

    Args:
        real: Counts of the real samples by cluster, ``(..., K)``: ``p``, divided by their sum.
        fake: Counts of the generated ones, ``q``.
        angles: Number of slopes.
    """
    p, q = (each.double() / each.sum(-1, keepdim=True) for each in (real, fake))
    slopes = torch.linspace(1e-10, math.pi / 2 - 1e-10, angles, dtype=torch.float64).tan()
    precision = torch.minimum(slopes[:, None] * p[..., None, :], q[..., None, :]).sum(-1)
    return precision.clamp_max(1), (precision / slopes).clamp_max(1)


def f_scores(precision: Tensor, recall: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest F_1/8 and the largest F_8 of curves ``(..., angles)``."""

    def largest(beta: float) -> Tensor:
        score = (1 + beta**2) * precision * recall / (beta**2 * precision + recall + 1e-10)
        return score.amax(-1)

    return largest(1 / _BETA), largest(_BETA)


def expected_precision_recall_curve(
    features: Tensor, samples: int, clusters: int = CLUSTERS
) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation of both F scores of a perfect generator, by name.

    Two histograms are drawn again and again with the shares of the clusters of the real samples.

    Args:
        features: Of the real samples: ``(m, D)``.
        samples: Generated samples ``n``.
        clusters: Number of clusters.
    """
    labels = cluster(features.double().cpu().numpy(), clusters, 0)
    generator = np.random.default_rng(derive_seed("real baseline", "prd"))
    shares = np.bincount(labels, minlength=clusters) / len(labels)
    size = min(samples, len(features))
    real, fake = (torch.from_numpy(generator.multinomial(size, shares, _SIMULATED)) for _ in range(2))
    scores = f_scores(*curve_of_histograms(real, fake))
    names = ("f_precision", "f_recall")
    return {name: (each.mean().item(), each.std().item()) for name, each in zip(names, scores, strict=True)}


def cluster(points: NDArray[np.float64], clusters: int, seed: int) -> NDArray[np.int32]:
    """Return the cluster of each point ``(N, D)``, by mini-batch k-means with ten starts."""
    from sklearn.cluster import MiniBatchKMeans  # slow to import

    means = MiniBatchKMeans(clusters, n_init=10, random_state=seed % 2**32).fit(points)
    labels: NDArray[np.int32] = means.labels_
    return labels
