"""Opens image files that may be a stranger's: of the formats below, and of regular files only."""

from __future__ import annotations

import io
import stat
from functools import cache
from pathlib import Path

from PIL import Image

# Decoded by Pillow and its libraries; others are rare, or handed to an external program (EPS to Ghostscript).
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "TGA", "TIFF", "WEBP")


@cache
def formats() -> tuple[str, ...]:
    """Return those that this Pillow can read."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def open_picture(source: Path | bytes) -> Image.Image:
    """Return the image of a file, or of a file's content; its pixels are read later.

    Raises:
        ValueError: It is a device or a pipe, which could be read without end.
        OSError: It cannot be opened, or is of no such format.
    """
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source), formats=formats())
    if not stat.S_ISREG(source.stat().st_mode):
        raise ValueError("not a regular file")
    return Image.open(source, formats=formats())
