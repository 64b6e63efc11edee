"""Ends a run when its budget is spent, or when somebody asks it to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist

from gan_experiments.systems.base import system_of
from gan_experiments.training.callbacks.checkpoint import Checkpoint
from gan_experiments.training.callbacks.log import callbacks_of

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)  # the last: a cluster's, some time before it stops a job
AGREE_EVERY = 20  # steps after which several processes ask each other whether to stop


class Stop(pl.Callback):
    """Stops at the budget; on SIGTERM and Ctrl-C finishes the step and saves first. A second Ctrl-C stops at once.

    Attributes:
        signal: The signal that has stopped the run; 0 if none has.
    """

    def __init__(self) -> None:
        self.signal = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Receive the signals that come during the block, those before the first step too."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self._receive) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do not start a run whose budget is spent; take SIGTERM back from Lightning, which would lose the step."""
        if signal.getsignal(signal.SIGINT) == self._receive:
            signal.signal(signal.SIGTERM, self._receive)
        trainer.should_stop = system_of(trainer).clock.finished

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop if the budget is spent; save and stop if a signal has come."""
        clock = system_of(trainer).clock
        if clock.finished:
            trainer.should_stop = True
        elif self._agreed(trainer, clock.step):
            for callback in callbacks_of(trainer):
                if isinstance(callback, Checkpoint):
                    callback.save(trainer)
            trainer.should_stop = True

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal and number == signal.SIGINT:  # schedulers send others twice, to each process and to all
            raise KeyboardInterrupt
        self.signal = number

    def _agreed(self, trainer: pl.Trainer, step: int) -> bool:
        """Tell whether to stop, the same on every process."""
        if trainer.world_size == 1:
            return self.signal != 0
        if step % AGREE_EVERY:
            return False
        wanted = torch.tensor(self.signal, device=trainer.strategy.root_device)
        dist.all_reduce(wanted, op=dist.ReduceOp.MAX)
        self.signal = int(wanted)
        return self.signal != 0
