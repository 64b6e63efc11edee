"""A run that waits, some steps after its start, until it is asked to stop; taken up again, it waits no more."""

import time

import pytorch_lightning as pl

from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.base import system_of
from gan_experiments.training.loop import RunLoop

WAITS_AT = 80  # images


class WaitForStop(pl.Callback):
    """Leaves a line for each start of the run in its file ``starts``: the images seen by then."""

    def __init__(self, run: RunFolder) -> None:
        self._starts, self._waiting = run.path / "starts", run.path / "waiting"

    def on_train_start(self, trainer, pl_module):
        with self._starts.open("a") as file:
            file.write(f"{system_of(trainer).clock.images_seen}\n")

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if system_of(trainer).clock.images_seen != WAITS_AT:
            return
        self._waiting.touch()
        stop = next(callback.stop for callback in trainer.callbacks if isinstance(callback, RunLoop))
        while not stop.signal:
            time.sleep(0.05)
