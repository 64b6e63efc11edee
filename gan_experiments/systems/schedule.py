"""What changes over a run, as a function of images seen: learning rates, and any other number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LearningRateSchedule:
    """A factor of the learning rates: a warm-up, then constant or a decay.

    Attributes:
        kind: Form of the decay from ``start`` to ``end``.
        warmup: Images over which the factor rises linearly from 0 to 1.
        start: Images seen at which the decay begins.
        end: Images seen at which it ends.
        final: The factor from then on.
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
    """A number that moves to another over a part of a run.

    Attributes:
        value: The number before ``start``.
        to: The number from ``end`` on.
        end: Images seen at which the move ends.
        start: Images seen at which it begins.
        kind: In a line, or slowly at both ends: half a period of a cosine.
    """

    value: float
    to: float
    end: int
    start: int = 0
    kind: Literal["linear", "cosine"] = "cosine"

    def __call__(self, images_seen: int) -> float:
        """Return the number for a step taken at ``images_seen``."""
        moved = min(1.0, max(0.0, (images_seen - self.start) / max(1, self.end - self.start)))
        if self.kind == "cosine":
            moved = 0.5 * (1.0 - math.cos(math.pi * moved))
        return self.value * (1.0 - moved) + self.to * moved
