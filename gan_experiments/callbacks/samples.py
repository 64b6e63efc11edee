"""Pictures of what the generator makes, always from the same latents."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_only

from gan_experiments.callbacks.tensorboard import TensorBoard
from gan_experiments.images import image_grid, save_png
from gan_experiments.randomness import Stream
from gan_experiments.run import RunFolder
from gan_experiments.systems.base import System, system_of
from gan_experiments.types import PositiveInt


class SampleGrid(pl.Callback):
    """Writes a grid of images of fixed latents to ``samples/`` and to TensorBoard, from the averaged generator.

    Args:
        run: The run's folder.
        every: Images seen between two grids; there is one before training and one at the end as well.
        count: Images in a grid.
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
        grid = image_grid(fixed_samples(system, self.count, system.seed), columns=math.isqrt(self.count))
        save_png(grid, self._run.grid(system.clock.images_seen))
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoard):
                logger.log_image("samples", grid, system.clock.images_seen)


def fixed_samples(system: System, count: int, seed: int) -> torch.Tensor:
    """Generate ``count`` images, a function of the weights and ``seed``; classes in turn if there are any."""
    latents = Stream(seed, "samples", device=system.device).normal(count, system.latent_dim)
    classes = system.num_classes
    labels = torch.arange(count, device=system.device) % classes if classes else None
    return system.sample(latents, labels)
