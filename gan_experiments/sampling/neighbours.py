"""Samples beside their nearest real images in feature space, to see whether a generator copies training images."""

from __future__ import annotations

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
        generated, real = (
            torch.cat([extract(network, part.to(device)).features for part in torch.split(images, _BATCH)]).double()
            for images in (samples, data.images)
        )
        distances = torch.cdist(generated, real)  # (count, N)
        nearest = distances.topk(min(self.neighbours, len(real)), largest=False).indices.cpu()
        left = image_grid(samples, columns=1)
        right = image_grid(data.images[nearest.flatten()], columns=nearest.shape[1])
        sheet = torch.cat([left, left.new_full((3, left.shape[1], _GAP), 255), right], dim=2)
        return sheet if labels is None else label_rows(sheet, class_labels(labels.tolist(), self.class_names))
