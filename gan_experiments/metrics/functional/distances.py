"""Distances between many samples, a piece at a time, so that memory does not grow with the product of their numbers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_PIECE = 1 << 24  # distances at a time: 128 MB


def squared_distances(rows: Tensor, columns: Tensor, center: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield the squared Euclidean distances of some rows at a time to all columns: ``(slice, (n, M))``, float64.

    Args:
        rows: ``(N, D)``.
        columns: ``(M, D)``.
        center: ``(D,)``, a point among them: distances from squares cancel less the nearer it is.
    """
    columns = columns.double() - center
    norms = columns.square().sum(1)
    step = max(1, _PIECE // max(1, len(columns)))
    for start in range(0, len(rows), step):
        part = rows[start : start + step].double() - center
        distances = torch.addmm(norms, part, columns.T, alpha=-2).add_(part.square().sum(1, keepdim=True))
        yield slice(start, start + len(part)), distances.clamp_(min=0)


def squared_radii(features: Tensor, neighbours: list[int], center: Tensor) -> list[Tensor]:
    """Return the squared distance of each sample ``(N, D)`` to its ``k``-th nearest other one: ``(N,)`` per ``k``."""
    found = []
    for part, distances in squared_distances(features, features, center):
        places = torch.arange(part.start, part.stop, device=distances.device)
        distances[places - part.start, places] = torch.inf
        found.append(distances.topk(max(neighbours), largest=False).values)
    nearest = torch.cat(found)
    return [nearest[:, k - 1] for k in neighbours]


def nearest_distances(features: Tensor, others: Tensor) -> Tensor:
    """Return each sample's ``(N, D)`` Euclidean distance to the nearest of others ``(M, D)``: float64, ``(N,)``."""
    center = others.double().mean(0)
    pieces = squared_distances(features, others, center)
    return torch.cat([distances.amin(1) for _, distances in pieces]).sqrt_()
