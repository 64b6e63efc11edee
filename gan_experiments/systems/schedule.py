"""Learning rates as a function of images seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """A factor of the learning rates: a warm-up, then constant or a decay to 0.

    Attributes:
        kind: Form of the decay from ``start`` to ``end``.
        warmup: Images over which the factor rises linearly from 0 to 1.
        start: Images seen at which the decay begins.
        end: Images seen at which the factor reaches 0.
    """

    kind: Literal["constant", "linear", "cosine"]
    warmup: int
    start: int
    end: int

    def __call__(self, images_seen: int) -> float:
        """Return the factor for a step taken at ``images_seen``."""
        factor = min(1.0, (images_seen + 1) / self.warmup) if self.warmup else 1.0
        if self.kind == "constant":
            return factor
        progress = min(1.0, max(0.0, (images_seen - self.start) / max(1, self.end - self.start)))
        return factor * (1.0 - progress if self.kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * progress)))
