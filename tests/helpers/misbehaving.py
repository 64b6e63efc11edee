"""What can happen to a job, to one seed each, and but for the divergence only the first time."""

import os
import signal
import sys

import pytorch_lightning as pl
import torch

from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.base import system_of

RAISES, EXITS, KILLED, DIVERGES, STOPPED, STOPPED_IN_EVALUATION = 1, 4, 7, 10, 21, 22


class Misbehave(pl.Callback):
    def __init__(self, run: RunFolder) -> None:
        self._once = run.path / "misbehaved"
        self._attempts = run.path / "attempts"
        self._run = run

    def on_train_start(self, trainer, pl_module):
        self._seed = self._run.read_config()["seed"]  # not in the constructor: the folder need not exist yet
        with self._attempts.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if self._seed == STOPPED_IN_EVALUATION and trainer.global_rank == trainer.world_size - 1:
            self._stop_in_evaluation(trainer.callbacks[0].stop)

    def _stop_in_evaluation(self, stop):
        end, calls = stop.end_evaluation, []

        def end_or_send(world_size, device):
            calls.append(1)
            if len(calls) == 3 and not self._once.exists():
                self._once.touch()
                os.kill(os.getpid(), signal.SIGTERM)
            end(world_size, device)

        stop.end_evaluation = end_or_send

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if system_of(trainer).clock.images_seen != 40 or self._seed == STOPPED_IN_EVALUATION:
            return
        if self._seed == DIVERGES:
            with torch.no_grad():
                next(pl_module.generator.parameters()).fill_(torch.nan)
        if self._once.exists():
            return
        self._once.touch()
        if self._seed == RAISES:
            raise RuntimeError("a fault")
        if self._seed == EXITS:
            sys.exit("an exit")
        if self._seed == STOPPED:
            os.kill(os.getpid(), signal.SIGTERM)
        if self._seed == KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
