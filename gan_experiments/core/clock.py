"""The one clock of a run: real images shown to the discriminator, over all ranks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Counts real images; stopping, schedules, evaluation, grids and checkpoints all read it.

    Attributes:
        batch_size: Global batch, in images, of one discriminator step.
        budget: Images after which the run is finished; the last step may pass it by less than one batch.
        images_seen: Real images the discriminator has been shown so far.
    """

    batch_size: int
    budget: int
    images_seen: int = 0

    @property
    def step(self) -> int:
        """Discriminator steps done so far."""
        return self.images_seen // self.batch_size

    @property
    def finished(self) -> bool:
        """Whether the budget is spent."""
        return self.images_seen >= self.budget

    def advance(self) -> None:
        """Count one discriminator step."""
        self.images_seen += self.batch_size

    def due(self, every: int) -> bool:
        """Tell whether the last step crossed a multiple of ``every`` images, or ended the run.

        A function of the clock alone: an interrupted run meets the same events as one that was not.
        """
        before = self.images_seen - self.batch_size
        return self.finished or self.images_seen // every > before // every


def duration(seconds: float) -> str:
    """Write a time as ``minutes:seconds``, with hours if there are any."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
