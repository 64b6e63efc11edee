"""Training progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import ClassVar

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from gan_experiments.core.clock import Clock, duration
from gan_experiments.core.types import PositiveFloat
from gan_experiments.training.callbacks.base import LoopPart

LINES = 20  # of a run whose standard error is no terminal
_FIRST_STEPS, _FIRST_SECONDS = 10, 5.0  # after which the first line is printed
SMOOTHING = 0.7  # weight of the previous value in the moving average of the speed


class ProgressBar(LoopPart):
    """Shows images seen of the budget, images/s, losses or the bound, the latest FID and the time left.

    On a terminal it is a bar; elsewhere (a log file, a cluster job) one line per twentieth of the budget, at least one
    a minute, and a first one, which says how long the run will take, after ten steps and a few seconds.

    Args:
        refresh: Seconds between two updates of the bar.
        longest: Seconds between two lines, at most.
    """

    role: ClassVar[str] = "progress"

    def __init__(self, refresh: PositiveFloat = 0.5, longest: PositiveFloat = 60.0) -> None:
        self.refresh = refresh
        self.longest = longest
        self._bar: Progress | None = None
        self._last_time = 0.0
        self._last_images = 0
        self._first = 0  # images seen from which the first line is printed
        self._speed = 0.0

    def open(self, clock: Clock) -> None:
        """Show the bar, on a terminal."""
        self._first = clock.images_seen + _FIRST_STEPS * clock.batch_size
        self._last_time, self._last_images = time.monotonic(), clock.images_seen
        if sys.stderr.isatty():
            self._bar = Progress(
                BarColumn(bar_width=None), TextColumn("{task.fields[line]}"), _TimeLeft(),
                console=Console(stderr=True), auto_refresh=False, expand=True,
            )  # fmt: skip
            self._bar.add_task("", total=clock.budget, completed=clock.images_seen, line="", left=None)
            self._bar.start()

    def update(self, clock: Clock, latest: Mapping[str, float]) -> None:
        """Update the bar, or print a line, with the ``latest`` value of every scalar by name, if it is time to."""
        if self._bar is None:
            if clock.due(max(1, clock.budget // LINES)) or self._is_time(clock):
                self._measure_speed(clock)
                print(f"{self._line(clock, latest)} · {duration(self._left(clock))} left", file=sys.stderr, flush=True)
        elif time.monotonic() - self._last_time >= self.refresh or clock.finished:
            self._measure_speed(clock)
            seen, line = min(clock.images_seen, clock.budget), self._line(clock, latest)
            self._bar.update(self._bar.task_ids[0], completed=seen, line=line, left=self._left(clock))
            self._bar.refresh()

    def close(self) -> None:
        """Give the terminal back."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _is_time(self, clock: Clock) -> bool:
        seconds = time.monotonic() - self._last_time
        is_first = not self._speed and clock.images_seen >= self._first
        return seconds >= (min(_FIRST_SECONDS, self.longest) if is_first else self.longest)

    def _measure_speed(self, clock: Clock) -> None:
        now = time.monotonic()
        speed = (clock.images_seen - self._last_images) / max(now - self._last_time, 1e-9)
        self._speed = SMOOTHING * self._speed + (1 - SMOOTHING) * speed if self._speed else speed
        self._last_time, self._last_images = now, clock.images_seen

    def _left(self, clock: Clock) -> float:
        return max(0, clock.budget - clock.images_seen) / self._speed if self._speed else 0.0

    def _line(self, clock: Clock, latest: Mapping[str, float]) -> str:
        parts = [f"{min(clock.images_seen, clock.budget):,}/{clock.budget:,} images", f"{self._speed:,.0f}/s"]
        for label, name in (("D", "loss/discriminator"), ("G", "loss/generator"), ("ELBO", "vae/elbo")):
            if name in latest:
                parts.append(f"{label} {latest[name]:.3f}")
        fid = latest.get("final/fid", latest.get("metrics/fid"))
        if fid is not None:
            parts.append(f"FID {fid:.2f}" if fid >= 1 else f"FID {fid:.2g}")
        return " · ".join(parts)


class _TimeLeft(ProgressColumn):
    """The time left at the current speed."""

    def render(self, task: Task) -> Text:
        left = task.fields["left"]
        return Text("" if left is None else f"{duration(left)} left", style="cyan")
