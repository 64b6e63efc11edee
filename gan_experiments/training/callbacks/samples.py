"""Sample grids: images generated from fixed latents, drawn at intervals during training."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from gan_experiments.core.contracts import Batch
from gan_experiments.core.grid_labels import class_labels, columns_per_class, in_class_columns, label_columns
from gan_experiments.core.images import image_grid, in_colour, is_points, save_png
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import PositiveInt
from gan_experiments.data.base import ImageData
from gan_experiments.data.inputs import Inputs
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.runs.folder import RunFolder
from gan_experiments.sampling.base import cycle_labels, draw_latents
from gan_experiments.systems.base import System
from gan_experiments.systems.translation import TranslationSystem
from gan_experiments.training.callbacks.base import LoopPart
from gan_experiments.training.callbacks.evaluation_samples import TranslatedSamples


class SampleGrid(LoopPart):
    """Writes grids of images of the averaged generator, always from the same latents, to ``samples/``.

    For a conditional generator with few classes, each column of the grid shows one class, whose name is above its
    columns. A system may add grids of its own, such as a VAE's reconstructions. A translator's grid shows the same few
    inputs, each with its translation and the right answer or, where that is not known, the translation back.

    Args:
        run: The run's folder.
        every: Images seen between two grids; there is also one before the first step and one after the last.
        count: Images in a grid; rounded down to full rows in a grid of classes.
    """

    role: ClassVar[str] = "samples"
    slow: ClassVar[bool] = True

    def __init__(self, run: RunFolder, every: PositiveInt = 50000, count: PositiveInt = 64) -> None:
        self.every = every
        self.count = count
        self._run = run

    def draw(self, system: System, data: ImageSource) -> dict[str, Tensor]:
        """Save the grids of this moment and return them by name: uint8, ``(3, H, W)``."""
        if isinstance(system, TranslationSystem):
            assert isinstance(data, ImageData)
            assert data.inputs is not None
            grids = {"samples": translation_grid(system, data.inputs, self.count)}
        else:
            count, columns = grid_shape(self.count, system.num_classes)
            images = {"samples": fixed_samples(system, count, system.seed)}
            per_class = 0 if is_points(images["samples"]) else columns_per_class(self.count, system.num_classes)
            if per_class:
                images["samples"] = in_class_columns(images["samples"], system.num_classes, per_class)
            images |= system.extra_grids(self._real_images(system, data), columns)
            grids = {name: image_grid(each, columns) for name, each in images.items()}
            if per_class:
                names = class_labels(range(system.num_classes), getattr(data, "class_names", []))
                grids["samples"] = label_columns(grids["samples"], names)
        for name, grid in grids.items():
            save_png(grid, self._run.grid(system.clock.images_seen, "" if name == "samples" else name))
        return grids

    def _real_images(self, system: System, data: ImageSource) -> Batch:
        """Return half as many real images as there are samples, the same ones in every grid."""
        chosen = Stream(system.seed, "pictures").permutation(len(data.images))[: max(1, self.count // 2)]
        labels = None if data.labels is None else data.labels[chosen].to(system.device)
        return Batch(data.images[chosen].to(system.device), labels)


def translation_grid(system: TranslationSystem, inputs: Inputs, count: int) -> Tensor:
    """Return rows of input, translation, and right answer or translation back: uint8, ``(3, H, W)``.

    Two inputs, the first of the tested ones, stand beside each other in a row; ``count`` images are the most. Of an odd
    number of inputs the last is left out, so that all rows are full.
    """
    wanted = max(1, count // 3)
    batch = TranslatedSamples(system, inputs, wanted)(0, wanted)
    shown = [batch.inputs, batch.images]
    if batch.answers is not None:
        shown.append(batch.answers)
    elif batch.back is not None:
        shown.append(batch.back())
    full = len(batch.images) - len(batch.images) % 2 or 1
    rows = torch.stack([in_colour(images[:full]) for images in shown], 1).flatten(0, 1)
    return image_grid(rows, 2 * len(shown))


def grid_shape(count: int, num_classes: int) -> tuple[int, int]:
    """Return the number of images in a grid of at most ``count``, and its columns: some per class if they fit."""
    columns = num_classes * columns_per_class(count, num_classes)
    return (count - count % columns, columns) if columns else (count, math.isqrt(count))


def fixed_samples(system: System, count: int, seed: int) -> Tensor:
    """Generate ``count`` images, a function of the weights and ``seed`` alone; labels cycle through the classes."""
    generator = system.generator
    return system.sample(draw_latents(generator, count, seed), cycle_labels(generator, count))
