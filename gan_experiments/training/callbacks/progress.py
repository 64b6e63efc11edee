"""What a person sees while a run is under way."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from gan_experiments.core.clock import Clock, duration
from gan_experiments.core.types import PositiveFloat
from gan_experiments.systems.base import System, system_of

SMOOTHING = 0.7  # share of the former speed in the one shown


class Progress(pl.Callback):
    """Shows images seen of the budget, images/s, losses or bound, the newest FID and the time left.

    On a terminal it is a bar, elsewhere (a log file, a cluster's job) a line for every twentieth of the budget.

    Args:
        refresh: Seconds between two updates of the bar.
    """

    def __init__(self, refresh: PositiveFloat = 0.5) -> None:
        self.refresh = refresh
        self._bar: Bar | None = None
        self._last = (0.0, 0)
        self._speed = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar."""
        system = system_of(trainer)
        clock = system.clock
        self._last = (time.monotonic(), clock.images_seen)
        if trainer.is_global_zero and sys.stderr.isatty():
            console = Console(stderr=True)
            self._bar = Bar(
                BarColumn(bar_width=None), TextColumn("{task.fields[line]}"), _TimeLeft(), console=console,
                auto_refresh=False, expand=True,
            )  # fmt: skip
            self._bar.add_task("", total=clock.budget, completed=clock.images_seen, line="", left=None)
            self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the bar twice a second, or print a line when one is due."""
        system = system_of(trainer)
        clock = system.clock
        if self._bar is None:
            if trainer.is_global_zero and clock.due(max(1, clock.budget // 20)):
                self._measure(clock.images_seen)
                print(f"{self._line(system)} · {duration(self._left(clock))} left", file=sys.stderr, flush=True)
        elif time.monotonic() - self._last[0] >= self.refresh or clock.finished:
            self._measure(clock.images_seen)
            self._show(system)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar."""
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Leave the terminal as it was found."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _show(self, system: System) -> None:
        assert self._bar is not None
        clock = system.clock
        seen = min(clock.images_seen, clock.budget)
        self._bar.update(self._bar.task_ids[0], completed=seen, line=self._line(system), left=self._left(clock))
        self._bar.refresh()

    def _measure(self, images_seen: int) -> None:
        now, (then, seen) = time.monotonic(), self._last
        speed = (images_seen - seen) / max(now - then, 1e-9)
        self._speed = SMOOTHING * self._speed + (1 - SMOOTHING) * speed if self._speed else speed
        self._last = (now, images_seen)

    def _left(self, clock: Clock) -> float:
        return max(0, clock.budget - clock.images_seen) / self._speed if self._speed else 0.0

    def _line(self, system: System) -> str:
        latest = system.latest
        parts = [f"{min(system.clock.images_seen, system.clock.budget):,}/{system.clock.budget:,} images"]
        parts.append(f"{self._speed:,.0f}/s")
        for label, name in (("D", "loss/discriminator"), ("G", "loss/generator"), ("ELBO", "vae/elbo")):
            if name in latest:
                parts.append(f"{label} {latest[name]:.3f}")
        fid = latest.get("final/fid", latest.get("metrics/fid"))
        if fid is not None:
            parts.append(f"FID {fid:.2f}")
        return " · ".join(parts)


class _TimeLeft(ProgressColumn):
    """The time left at the present speed."""

    def render(self, task: Task) -> Text:
        left = task.fields["left"]
        return Text("" if left is None else f"{duration(left)} left", style="cyan")
