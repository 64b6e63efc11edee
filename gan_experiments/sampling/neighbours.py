"""Samples beside their nearest real images in feature space, to see whether a generator copies training images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.grid_labels import class_labels, label_rows
from gan_experiments.core.images import image_grid
from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.extractors.base import Extractor, ImageSource, extract
from gan_experiments.sampling.base import (
    Sheet,
    cycle_labels,
    device_of,
    draw_latents,
    in_batches,
    refuse_points,
    stored_by,
)

_BATCH = 500  # images extracted at a time
_GAP = 6  # white pixels between samples and real images


class Neighbours(Sheet):
    """Samples, each followed by the real images nearest to it in feature space, the nearest first.

    Args:
        extractor: Feature extractor; distances of features are Euclidean.
        count: Number of samples.
        neighbours: Real images beside each sample.
    """

    needs_data: ClassVar[bool] = True

    def __init__(self, extractor: Extractor, count: PositiveInt = 8, neighbours: PositiveInt = 6) -> None:
        self.extractor = extractor
        self.count = count
        self.neighbours = neighbours

    def __call__(self, generator: Generator, data: ImageSource, seed: int) -> Tensor:
        """Return the sheet: uint8, ``(3, H, W)``."""
        refuse_points(generator, "neighbours")
        latents, labels = draw_latents(generator, self.count, seed), cycle_labels(generator, self.count)
        samples = in_batches(stored_by(generator), latents, labels)
        self.extractor.prepare(data)
        device = device_of(generator)
        network = self.extractor.to(device)

        def features(images: Tensor) -> Iterator[Tensor]:
            for part in torch.split(images, _BATCH):
                yield extract(network, part.to(device)).features.double()

        generated = torch.cat(list(features(samples)))
        distances = torch.cat([torch.cdist(generated, part) for part in features(data.images)], dim=1)  # (count, N)
        nearest = distances.topk(min(self.neighbours, distances.shape[1]), largest=False).indices.cpu()
        rows = torch.cat([samples[:, None], data.images[nearest]], dim=1)
        sheet = _parted(image_grid(rows.flatten(0, 1), columns=rows.shape[1]), rows.shape[1])
        return sheet if labels is None else label_rows(sheet, class_labels(labels.tolist(), self.class_names))


def _parted(grid: Tensor, columns: int) -> Tensor:
    """Return a grid with a white gap between its first column and the others."""
    border = 2  # around each image, and shared by neighbours
    cell = (grid.shape[2] - border) // columns
    gap = grid.new_full((3, grid.shape[1], _GAP), 255)
    return torch.cat([grid[:, :, : cell + border], gap, grid[:, :, cell:]], dim=2)
