"""Unreadable image files: the reason, the limit on their number, and the warning."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from PIL import UnidentifiedImageError

from gan_experiments.core.escape import printable
from gan_experiments.core.text import first_few
from gan_experiments.core.types import ConfigError

_MAX_LISTED = 3  # files that a message names


def problem(error: Exception) -> str:
    """Return on one line why an image file cannot be read."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return printable(" ".join(str(error).split()))[:120] or type(error).__name__


def refuse(bad: Mapping[str, str], count: int | None, max_bad: int) -> None:
    """Refuse unreadable image files, given with the reason, if they are more than ``max_bad``, or all of ``count``.

    ``count`` is ``None`` while it is not known.

    Raises:
        ConfigError: Names some of them.
    """
    if len(bad) > max_bad:
        images = "images" if count is None else f"of {count:,} images"
        raise ConfigError(f"dataset: more than max_bad={max_bad} {images} cannot be read: {_listed(bad)}")
    if bad and len(bad) == count:
        raise ConfigError(f"dataset: none of {count:,} images can be read: {_listed(bad)}")


def warn(bad: Mapping[str, str], count: int) -> None:
    """Print a warning that names the files that are left out, if there are any."""
    if bad:
        text = f"{len(bad)} of {count:,} images cannot be read and are left out: {_listed(bad)}"
        print(f"Warning: {text}", file=sys.stderr)


def _listed(bad: Mapping[str, str]) -> str:
    return first_few((f"{printable(name)} ({reason})" for name, reason in bad.items()), _MAX_LISTED)
