"""Training speed on this machine, from a few steps of a run that leaves nothing behind."""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

from gan_experiments.core.clock import Clock, duration
from gan_experiments.core.signals import ending_at_once
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build
from gan_experiments.training.preflight import check_run
from gan_experiments.training.train import silence_lightning

LONGEST = 10.0  # seconds of all steps
_SHORTEST = 1.0  # seconds of timed steps
_WARM_UP, _STEPS = 2, 10  # memory is claimed in the first steps; lazy penalties take part in some of ten


class TooSlowError(Exception):
    """A step that had not ended when it was given up."""


def images_per_second(
    config: Mapping[str, Any], seconds: Callable[[], float] = time.perf_counter, patience: float | None = None
) -> float:
    """Train a checked config for a dozen steps, fewer if they take long, and return images/s without evaluations.

    Args:
        config: Of ``gan-train``.
        seconds: Reads a clock; ``time.process_time`` counts those of the processor alone.
        patience: Seconds after which a step is given up, whatever that clock says; ``None``: never.

    Raises:
        ConfigError: The run cannot be built, cannot take its batch, or certainly does not fit into memory.
        TooSlowError: Not even the first step has ended in time.
    """
    silence_lightning()
    with tempfile.TemporaryDirectory() as folder:
        parts = build({**config, "callbacks": {}, "logger": {}, "metrics": {}}, RunFolder(folder))
        check_run(parts, config)
        watch = _Stopwatch(config["batch_size"], config["budget"]["images"])
        watch.read, watch.times = seconds, [seconds()]
        parts.system.clock = watch
        try:
            with _alarm(patience), ending_at_once():
                parts.trainer.fit(parts.system, datamodule=parts.data)
        except TooSlowError:
            if not watch.speed:
                raise
    return watch.speed


def expected_duration(config: Mapping[str, Any], images: int) -> str:
    """Return in words how long training a checked config for some images takes here, without evaluations.

    Raises:
        ConfigError: See ``images_per_second``.
    """
    try:
        speed = images_per_second(config, patience=LONGEST)
    except TooSlowError:
        least = duration(LONGEST * images / config["batch_size"])
        return f"more than {least} here ({images:,} images; a step takes more than {LONGEST:g} s)"
    return f"about {duration(images / speed)} here ({images:,} images at {speed:,.{0 if speed >= 10 else 2}f}/s)"


@contextmanager
def _alarm(patience: float | None) -> Iterator[None]:
    """Raise TooSlowError in the block after some seconds; in the main thread, of a system that has alarms."""
    if patience is None or not hasattr(signal, "setitimer") or threading.current_thread() != threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _time_out)
    signal.setitimer(signal.ITIMER_REAL, patience)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _time_out(number: int, frame: FrameType | None) -> None:
    raise TooSlowError


class _Stopwatch(Clock):
    """A clock that times the steps after the warm-up, and ends the run when there are enough of them."""

    speed = 0.0
    read: Callable[[], float]
    times: list[float]  # of the start, and of the end of each step

    def advance(self) -> None:
        """Count a step."""
        super().advance()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.times.append(self.read())
        first, *_, before, now = [self.times[0], *self.times]
        began = min(_WARM_UP, self.step - 1)  # the last step counts in any case
        timed, elapsed = self.step - began, now - self.times[began]
        self.speed = timed * self.batch_size / max(elapsed, 1e-9)
        enough = began == _WARM_UP and timed >= _STEPS and elapsed >= _SHORTEST
        self.ended_early = enough or now - first + (now - before) > LONGEST  # another would take too long
