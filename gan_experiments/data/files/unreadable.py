"""Pictures that cannot be read: why, how many are too many, and how that is told."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from PIL import UnidentifiedImageError

from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError

_TOLD = 3  # bad images that a message names


def problem(error: Exception) -> str:
    """Say in one line why a picture cannot be read."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split())[:120] or type(error).__name__


def refuse(bad: Mapping[str, str], count: int | None, max_bad: int) -> None:
    """Refuse more than ``max_bad`` of ``count`` pictures, or all of them.

    Args:
        bad: Why each cannot be read, by name.
        count: Pictures in all; ``None``: not known yet.
        max_bad: How many may be.

    Raises:
        ConfigError: They are too many.
    """
    if len(bad) > max_bad:
        images = "images" if count is None else f"of {count:,} images"
        raise ConfigError(f"dataset: more than max_bad={max_bad} {images} cannot be read: {_told(bad)}")
    if bad and len(bad) == count:
        raise ConfigError(f"dataset: none of {count:,} images can be read: {_told(bad)}")


def warn(bad: Mapping[str, str], count: int) -> None:
    """Say which pictures are left out, if any are."""
    if bad:
        told = f"{len(bad)} of {count:,} images cannot be read and are left out: {_told(bad)}"
        print(f"Warning: {told}", file=sys.stderr)


def _told(bad: Mapping[str, str]) -> str:
    return first_few((f"{name} ({reason})" for name, reason in bad.items()), _TOLD)
