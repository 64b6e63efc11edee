"""Training speed on this machine, from a few steps of a run that leaves nothing behind."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from gan_experiments.core.clock import Clock
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build
from gan_experiments.training.train import silence_lightning

_WARM_UP, _STEPS = 2, 10  # memory is claimed in the first steps; lazy penalties take part in some of ten
_SHORTEST, _LONGEST = 1.0, 10.0  # seconds of timed steps


def images_per_second(config: Mapping[str, Any], seconds: Callable[[], float] = time.perf_counter) -> float:
    """Train a checked config for about ten steps, one to ten seconds, and return images/s without evaluations.

    Args:
        config: Of ``gan-train``.
        seconds: Reads a clock; ``time.process_time`` counts those of the processor alone.

    Raises:
        ConfigError: The run cannot be built, or cannot take its batch.
    """
    silence_lightning()
    with tempfile.TemporaryDirectory() as folder:
        parts = build({**config, "callbacks": {}, "logger": {}, "metrics": {}}, RunFolder(folder))
        parts.data.prepare_data()
        parts.data.setup()
        parts.data.check_batch_size(config["batch_size"], parts.trainer.world_size)
        watch = _Stopwatch(config["batch_size"], config["budget"]["images"])
        watch.seconds = seconds
        parts.system.clock = watch
        parts.trainer.fit(parts.system, datamodule=parts.data)
    return watch.speed


class _Stopwatch(Clock):
    """A clock that times the steps after the warm-up, and ends the run when there are enough of them."""

    began = speed = 0.0
    seconds: Callable[[], float]

    def advance(self) -> None:
        """Count a step."""
        super().advance()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now, timed = self.seconds(), self.step - _WARM_UP
        if timed <= 0:
            self.began = now
            return
        elapsed = now - self.began
        self.speed = timed * self.batch_size / max(elapsed, 1e-9)
        self.ended_early = elapsed >= _LONGEST or (timed >= _STEPS and elapsed >= _SHORTEST)
