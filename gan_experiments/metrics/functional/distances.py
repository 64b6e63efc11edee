"""Euclidean distances between two sets of samples, in chunks: memory does not grow with the product of their sizes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_CHUNK = 1 << 24  # distances at a time: 128 MB


def squared_distances(rows: Tensor, columns: Tensor, center: Tensor | None = None) -> Iterator[tuple[slice, Tensor]]:
    """Yield the squared Euclidean distances of a chunk of rows at a time to all columns: ``(slice, (n, M))``, float64.

    Args:
        rows: ``(N, D)``.
        columns: ``(M, D)``.
        center: ``(D,)``, a point near both sets: distances are computed relative to it, which loses less precision;
            ``None``: the mean of the columns.
    """
    columns = columns.double()
    center = columns.mean(0) if center is None else center
    columns = columns - center
    norms = columns.square().sum(1)
    step = max(1, _CHUNK // max(1, len(columns)))
    for start in range(0, len(rows), step):
        part = rows[start : start + step].double() - center
        distances = torch.addmm(norms, part, columns.T, alpha=-2).add_(part.square().sum(1, keepdim=True))
        yield slice(start, start + len(part)), distances.clamp_(min=0)


def nearest_others(features: Tensor, count: int, center: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return squared distances and indices of the nearest others of each sample, the nearest first: ``(N, count)``.

    Args:
        features: ``(N, D)``.
        count: How many.
        center: As for ``squared_distances``.
    """
    nearest = []
    for part, distances in squared_distances(features, features, center):
        own = torch.arange(part.start, part.stop, device=distances.device)
        distances[own - part.start, own] = torch.inf
        nearest.append(distances.topk(count, largest=False))
    return torch.cat([each.values for each in nearest]), torch.cat([each.indices for each in nearest])


def squared_radii(features: Tensor, neighbours: list[int], center: Tensor) -> list[Tensor]:
    """Return the squared distance of each sample ``(N, D)`` to its ``k``-th nearest neighbour: ``(N,)`` per ``k``."""
    nearest, _ = nearest_others(features, max(neighbours), center)
    return [nearest[:, k - 1] for k in neighbours]


def nearest_distances(features: Tensor, others: Tensor) -> Tensor:
    """Return the Euclidean distance of each sample ``(N, D)`` to the nearest other ``(M, D)``: float64, ``(N,)``."""
    return torch.cat([distances.amin(1) for _, distances in squared_distances(features, others)]).sqrt_()
