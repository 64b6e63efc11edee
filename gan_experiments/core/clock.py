"""The clock of a run: real images shown to the discriminator, over all ranks; and times as text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

_DAY = 86_400.0  # seconds


@dataclass
class Clock:
    """Counts images seen; stopping, schedules, evaluation, sample grids and checkpoints depend on it alone.

    Attributes:
        batch_size: Images of one discriminator step, over all ranks.
        budget: Images after which the run is finished; the last step may exceed it by less than one batch.
        images_seen: Real images that the discriminator has been shown so far.
        ended_early: Whether the run ends here, whatever is left of its budget.
    """

    batch_size: int
    budget: int
    images_seen: int = 0
    ended_early: bool = False

    @property
    def step(self) -> int:
        """Number of discriminator steps so far."""
        return self.images_seen // self.batch_size

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or the run ends before that."""
        return self.ended_early or self.images_seen >= self.budget

    def advance(self) -> None:
        """Count one discriminator step."""
        self.images_seen += self.batch_size

    def due(self, every: int) -> bool:
        """Return whether the last step crossed a multiple of ``every`` images, or ended the run.

        It depends on the clock alone, so an interrupted run has the same events as an uninterrupted one.
        """
        before = self.images_seen - self.batch_size
        return self.finished or self.images_seen // every > before // every


def now() -> str:
    """Return the time as a record has it: UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def duration(seconds: float) -> str:
    """Format a duration as ``minutes:seconds`` or ``hours:minutes:seconds``, from two days on in days."""
    if seconds >= 2 * _DAY:
        return f"{seconds / _DAY:.1f} days"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
