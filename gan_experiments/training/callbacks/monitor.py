"""The scalars of a run."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl

from gan_experiments.core.types import PositiveInt
from gan_experiments.systems.base import system_of
from gan_experiments.training.callbacks.log import log


class Monitor(pl.Callback):
    """Logs the means of what the steps measured: losses, outputs, accuracies, gradient norms, rates, images/s.

    Args:
        every: Images between two rows.
    """

    def __init__(self, every: PositiveInt = 5000) -> None:
        self.every = every
        self._seconds = 0.0  # of training, over all the processes that have carried the run
        self._last = (0.0, 0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the watch."""
        system = system_of(trainer)
        self._last = (time.perf_counter() - system.paused, system.clock.images_seen)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log a row when one is due."""
        system = system_of(trainer)
        clock = system.clock
        if not clock.due(self.every):
            return
        values = system.statistics.read()
        now, (then, seen) = time.perf_counter() - system.paused, self._last
        self._seconds += now - then
        self._last = (now, clock.images_seen)
        values |= {f"learning_rate/{name}": rate for name, rate in system.learning_rates().items()}
        values |= {f"ramp/{key}": ramp(clock.images_seen) for key, ramp in system.ramps.items()}
        values["speed/images_per_second"] = (clock.images_seen - seen) / (now - then)
        values["speed/seconds"] = self._seconds
        log(trainer, values)

    def state_dict(self) -> dict[str, Any]:
        """Save the time used so far."""
        return {"seconds": self._seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the time used so far."""
        self._seconds = state_dict["seconds"]
