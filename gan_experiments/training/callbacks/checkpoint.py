"""Checkpoints from which a run goes on exactly, and the generator for use elsewhere."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from safetensors.torch import save_file

from gan_experiments.core.files import replacing
from gan_experiments.core.types import PositiveInt
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.base import System, system_of
from gan_experiments.training.callbacks.evaluation import Evaluation
from gan_experiments.training.callbacks.log import callbacks_of


class Checkpoint(pl.Callback):
    """Saves ``last.ckpt``, ``best.ckpt`` at the best evaluation, and ``generator.safetensors``.

    What is logged is written before the checkpoint that follows it, and no checkpoint holds a number that is not
    finite: the last one is always good to go on from.

    Args:
        run: The run's folder.
        every: Images seen between two checkpoints; a better evaluation saves one as well.
    """

    def __init__(self, run: RunFolder, every: PositiveInt = 50000) -> None:
        self.every = every
        self._run = run
        self._saved_at = -1

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when a checkpoint is due or the run has just become better."""
        improved = any(each.improved for each in callbacks_of(trainer) if isinstance(each, Evaluation))
        if improved or system_of(trainer).clock.due(self.every):
            self.save(trainer, improved)

    def save(self, trainer: pl.Trainer, improved: bool = False) -> None:
        """Save the run as it stands, on every process at once.

        Raises:
            DivergedError: A step since the last reading was not finite.
        """
        system = system_of(trainer)
        if system.clock.images_seen == self._saved_at:
            return
        system.statistics.check()
        for logger in trainer.loggers:
            logger.save()
        last = self._run.checkpoint("last")
        with replacing(last) if trainer.is_global_zero else nullcontext(last) as temporary:
            trainer.save_checkpoint(temporary)  # every process takes part; the first one writes
        if trainer.is_global_zero:
            if improved:
                _link(last, self._run.checkpoint("best"))
            save_generator(system, self._run.generator_file)
        self._saved_at = system.clock.images_seen


def save_generator(system: System, path: Path) -> None:
    """Write the averaged generator with its architecture, as JSON, in the metadata."""
    network = system.ema.module
    facts = system.generator.facts
    weights = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    metadata = {"architecture": json.dumps(network.architecture), "facts": json.dumps(facts.as_dict())}
    metadata["images_seen"] = str(system.clock.images_seen)
    with replacing(path) as temporary:
        save_file(weights, temporary, metadata=metadata)


def _link(source: Path, target: Path) -> None:
    """Give ``source`` a second name without copying it where the file system can."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
