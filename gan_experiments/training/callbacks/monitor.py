"""Training monitor: means of losses, gradient norms and other step statistics, learning rates and speed."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from gan_experiments.core.clock import Clock
from gan_experiments.core.types import PositiveInt
from gan_experiments.systems.base import System
from gan_experiments.training.callbacks.base import LoopPart


class Monitor(LoopPart):
    """Reads the statistics of the steps since the last reading as one row of scalars.

    Args:
        every: Images seen between two rows.
    """

    role: ClassVar[str] = "monitor"

    def __init__(self, every: PositiveInt = 5000) -> None:
        self.every = every
        self._training_seconds = 0.0  # up to the last reading, over all processes that have carried the run
        self._last_time = 0.0
        self._last_images = 0
        self._clock: Clock | None = None

    def start(self, clock: Clock) -> None:
        """Start measuring time."""
        self._clock = clock
        self._last_time, self._last_images = time.perf_counter(), clock.images_seen

    @property
    def seconds(self) -> float:
        """The training time so far: also that of steps since the last reading."""
        if self._clock is None or self._clock.images_seen == self._last_images:
            return self._training_seconds
        return self._training_seconds + time.perf_counter() - self._last_time

    def exclude(self, seconds: float) -> None:
        """Do not count ``seconds`` since the last reading as training time."""
        self._last_time += seconds

    def read(self, system: System) -> dict[str, float]:
        """Return the scalars by name.

        Raises:
            DivergedError: A value of a step was not finite.
        """
        clock, values = system.clock, system.statistics.read()
        now = time.perf_counter()
        seconds, images = now - self._last_time, clock.images_seen - self._last_images
        self._training_seconds += seconds
        self._last_time, self._last_images = now, clock.images_seen
        values |= {f"learning_rate/{name}": rate for name, rate in system.learning_rates().items()}
        values |= {f"ramp/{key}": ramp(clock.images_seen) for key, ramp in system.ramps.items()}
        values["speed/images_per_second"] = images / seconds
        values["speed/seconds"] = self._training_seconds
        return values

    def state_dict(self) -> dict[str, Any]:
        """Return the training time so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the training time so far."""
        self._training_seconds = state["seconds"]
