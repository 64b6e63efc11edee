"""Pictures of what the generator makes, always from the same latents."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_only

from gan_experiments.core.contracts import Batch
from gan_experiments.core.images import image_grid, save_png
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import PositiveInt
from gan_experiments.metrics.extractors.base import ImageSource
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.base import System, system_of
from gan_experiments.training.loggers.tensorboard import TensorBoard

MOST_COLUMNS = 32


class SampleGrid(pl.Callback):
    """Writes a grid of images of fixed latents to ``samples/`` and to TensorBoard, from the averaged generator.

    Of a conditional generator with few classes, each column of the grid shows one class. A system may add pictures of
    its own: a VAE shows reconstructions.

    Args:
        run: The run's folder.
        every: Images seen between two grids; there is one before training and one at the end as well.
        count: Images in a grid; fewer, where they would not fill the last row of a grid of classes.
    """

    def __init__(self, run: RunFolder, every: PositiveInt = 50000, count: PositiveInt = 64) -> None:
        self.every = every
        self.count = count
        self._run = run

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show where the run starts from."""
        if system_of(trainer).clock.images_seen == 0:
            self._draw(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draw a grid when one is due."""
        if system_of(trainer).clock.due(self.every):
            self._draw(trainer)

    @rank_zero_only
    def _draw(self, trainer: pl.Trainer) -> None:
        system = system_of(trainer)
        seen = system.clock.images_seen
        count, columns = grid_shape(self.count, system.num_classes)
        pictures = {"samples": fixed_samples(system, count, system.seed)}
        pictures |= system.pictures(self._reals(trainer, system), columns)
        for name, images in pictures.items():
            grid = image_grid(images, columns)
            save_png(grid, self._run.grid(seen, "" if name == "samples" else name))
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoard):
                    logger.log_image(name, grid, seen)

    def _reals(self, trainer: pl.Trainer, system: System) -> Batch:
        """Return half as many real images as there are samples, always the same."""
        data: ImageSource = trainer.datamodule  # type: ignore[attr-defined]
        chosen = Stream(system.seed, "pictures").permutation(len(data.images))[: max(1, self.count // 2)]
        labels = None if data.labels is None else data.labels[chosen].to(system.device)
        return Batch(data.images[chosen].to(system.device), labels)


def grid_shape(count: int, num_classes: int) -> tuple[int, int]:
    """Return how many images make a grid of at most ``count``, and its columns: the classes, if they fit."""
    if 1 < num_classes <= min(count, MOST_COLUMNS):
        return count - count % num_classes, num_classes
    return count, math.isqrt(count)


def fixed_samples(system: System, count: int, seed: int) -> torch.Tensor:
    """Generate ``count`` images, a function of the weights and ``seed``; classes in turn if there are any."""
    latents = Stream(seed, "samples", device=system.device).normal(count, system.latent_dim)
    classes = system.num_classes
    labels = torch.arange(count, device=system.device) % classes if classes else None
    return system.sample(latents, labels)
