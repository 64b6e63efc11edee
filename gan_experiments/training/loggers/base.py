"""The base class of a run's loggers: what they can do besides logging scalars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from torch import Tensor


class RunLogger(Logger):
    """A logger whose step is images seen. Every method here is optional and does nothing unless overridden.

    A logger of Lightning's own that is not a ``RunLogger`` receives scalars only. The constructor must not create
    files: a run is built before its folder exists.
    """

    def log_image(self, name: str, image: Tensor, step: int) -> None:
        """Log an image: uint8, ``(3, H, W)``."""

    def log_comparison(self, config: Mapping[str, Any], metrics: Sequence[str], overrides: Sequence[str] = ()) -> None:
        """Log what the run is compared by, once, before its first step.

        Args:
            config: The settings that may affect the result, nested as in the run's config.
            metrics: Names of the scalars that are results.
            overrides: Dotted keys that the user has set.
        """

    def log_final(self, results: Mapping[str, Any], step: int) -> None:
        """Log the final evaluation: values with margins and real baselines, and how they were measured.

        Args:
            results: As in the run's record: the estimates below ``final``, the provenance below ``evaluation``.
            step: Images seen.
        """

    def rewind(self, images_seen: int) -> None:
        """Delete what was logged after ``images_seen``: the run resumes there and logs it again."""
