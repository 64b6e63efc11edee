"""Checkpoints for exact resume, and export of the averaged generator as safetensors."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import pytorch_lightning as pl

from gan_experiments.core.files import replacing
from gan_experiments.core.types import DivergedError, PositiveFloat, PositiveInt
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.generator_file import write_generator_file
from gan_experiments.systems.base import System, system_of
from gan_experiments.training.callbacks.base import LoopPart


class Checkpoint(LoopPart):
    """Saves ``last.ckpt``, ``best.ckpt`` at the best evaluation, and ``generator.safetensors``.

    Loggers are flushed before each checkpoint. A checkpoint never holds a value that is not finite, so the last one can
    always be resumed from.

    Args:
        run: The run's folder.
        every: Images seen between two checkpoints; a new best evaluation saves one as well.
        max_minutes: Minutes without a checkpoint after which the loop saves one, and draws the samples, whatever the
            clock says. A run of several processes, which would have to agree on the time, has none.
    """

    role: ClassVar[str] = "checkpoint"
    slow: ClassVar[bool] = True

    def __init__(self, run: RunFolder, every: PositiveInt = 50000, max_minutes: PositiveFloat = 10.0) -> None:
        self.every = every
        self.max_minutes = max_minutes
        self._run = run
        self._saved_at = -1
        self._saved_time = time.monotonic()

    def start(self) -> None:
        """Count the minutes from now on."""
        self._saved_time = time.monotonic()

    def is_overdue(self, world_size: int) -> bool:
        """Return whether too long a time has passed since the last checkpoint."""
        return world_size == 1 and time.monotonic() - self._saved_time > 60 * self.max_minutes

    def save(self, trainer: pl.Trainer, improved: bool = False) -> None:
        """Save the run after the current step, once; as the best, too, if it has ``improved``; all processes must call.

        Raises:
            DivergedError: A value of a step since the last check was not finite.
        """
        system = system_of(trainer)
        if system.clock.images_seen == self._saved_at:
            return
        system.statistics.check()
        _check_finite(system)
        for logger in trainer.loggers:
            logger.save()
        last = self._run.checkpoint("last")
        with replacing(last) if trainer.is_global_zero else nullcontext(last) as temporary:
            trainer.save_checkpoint(temporary)  # all processes gather; the first one writes
            if trainer.is_global_zero:  # before ``last``: a run that is killed here makes all of them again
                self._save_rest(system, temporary, improved)
        self._saved_at = system.clock.images_seen
        self._saved_time = time.monotonic()

    def complete(self, system: System, best_at: float | None) -> None:
        """Make again what belongs to the last checkpoint, from which ``system`` is restored.

        ``best_at`` are the images seen at the best evaluation.
        """
        self._save_rest(system, self._run.checkpoint("last"), best_at == system.clock.images_seen)

    def _save_rest(self, system: System, checkpoint: Path, improved: bool) -> None:
        if improved:
            _link(checkpoint, self._run.checkpoint("best"))
        save_generator(system, self._run.generator_file)


def _check_finite(system: System) -> None:
    """Refuse weights that the last step has made infinite or NaN; no later loss has said so yet."""
    for name, weight in system.named_parameters():
        if not bool(weight.detach().isfinite().all()):
            raise DivergedError(f"{name} is no longer finite at step {system.clock.step - 1}")


def save_generator(system: System, path: Path) -> None:
    """Write the averaged generator, which ``load_generator`` reads."""
    network: Any = system.evaluated()
    write_generator_file(network, system.clock.images_seen, path)


def _link(source: Path, target: Path) -> None:
    """Make ``target`` a hard link to ``source``, or a copy where the file system has no hard links."""
    with replacing(target) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
