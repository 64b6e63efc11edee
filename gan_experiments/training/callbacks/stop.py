"""Graceful stop: SIGTERM, SIGINT and SIGUSR2 end the run after the current step, or in the middle of an evaluation."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager
from types import FrameType

import torch
import torch.distributed as dist

from gan_experiments.core.signals import handling, signals

SIGNALS = signals("SIGINT", "SIGTERM", "SIGUSR2")  # clusters send SIGUSR2 some time before they end a job
AGREE_EVERY = 20  # steps between two agreements of several processes on whether to stop


class EvaluationStoppedError(Exception):
    """An evaluation was given up because a signal stops the run."""


class Stop:
    """Receives signals, so that the run can finish the step and save; a second Ctrl-C raises at once.

    Attributes:
        signal: The signal that stops the run; 0 if none has come.
    """

    def __init__(self) -> None:
        self.signal = 0

    def listening(self) -> AbstractContextManager[None]:
        """Receive signals during the block, also before the first step; elsewhere than in the main thread: none."""
        return handling(SIGNALS, self._receive)

    def reclaim_sigterm(self) -> None:
        """Take the handler of SIGTERM back from Lightning, which would raise in the middle of a step."""
        if signal.getsignal(signal.SIGINT) == self._receive:
            signal.signal(signal.SIGTERM, self._receive)

    def requested(self, step: int, world_size: int, device: torch.device) -> bool:
        """Return whether to stop after ``step``, the same on every process; all of them must call."""
        if world_size > 1 and step % AGREE_EVERY:
            return False
        return self._agree(world_size, device)

    def end_evaluation(self, world_size: int, device: torch.device) -> None:
        """Raise ``EvaluationStoppedError`` on every process if one has received a signal; all of them must call."""
        if self._agree(world_size, device):
            raise EvaluationStoppedError

    def _agree(self, world_size: int, device: torch.device) -> bool:
        if world_size > 1:
            received = torch.tensor(self.signal, device=device)
            dist.all_reduce(received, op=dist.ReduceOp.MAX)
            self.signal = int(received)
        return self.signal != 0

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal and number == signal.SIGINT:  # schedulers send the others twice: to each process and to all
            raise KeyboardInterrupt
        self.signal = number
