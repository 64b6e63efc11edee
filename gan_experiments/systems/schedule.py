"""Learning-rate schedules and ramps of other values, as functions of images seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LearningRateSchedule:
    """A factor of the learning rates: warm-up, then constant or decaying.

    Attributes:
        kind: Shape of the decay from ``start`` to ``end``.
        warmup: Images over which the factor rises linearly from 0 to 1.
        start: Images seen at which the decay starts.
        end: Images seen at which it ends.
        final: The factor from ``end`` on.
    """

    kind: Literal["constant", "linear", "cosine"]
    warmup: int
    start: int
    end: int
    final: float = 0.0

    def __call__(self, images_seen: int) -> float:
        """Return the factor for a step taken at ``images_seen``."""
        factor = min(1.0, (images_seen + 1) / self.warmup) if self.warmup else 1.0
        if self.kind == "constant":
            return factor
        return factor * ValueRamp(1.0, self.final, self.end, self.start, self.kind)(images_seen)


@dataclass(frozen=True)
class ValueRamp:
    """A value that changes to another one during a part of the run.

    Attributes:
        value: The value until ``start``.
        to: The value from ``end`` on.
        end: Images seen at which the change ends.
        start: Images seen at which it starts.
        kind: Linear, or half a period of a cosine, which is slow at both ends.
    """

    value: float
    to: float
    end: int
    start: int = 0
    kind: Literal["linear", "cosine"] = "cosine"

    def __call__(self, images_seen: int) -> float:
        """Return the value for a step taken at ``images_seen``."""
        progress = min(1.0, max(0.0, (images_seen - self.start) / max(1, self.end - self.start)))
        if self.kind == "cosine":
            progress = 0.5 * (1.0 - math.cos(math.pi * progress))
        return self.value * (1.0 - progress) + self.to * progress
