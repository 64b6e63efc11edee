"""Opens image files that may be a stranger's: of the formats below, and of regular files only."""

from __future__ import annotations

import io
import math
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import ExifTags, Image

ARRAY = ".npy"  # suffix of NumPy's arrays, whose files begin with:
_MAGIC = b"\x93NUMPY"
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations
# Decoded by Pillow and its libraries; others are rare, or handed to an external program (EPS to Ghostscript).
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "TGA", "TIFF", "WEBP")


class ArrayPicture:
    """An array in the place of an image of Pillow, which knows neither 16 bits of colour nor more than four channels.

    Args:
        planes: uint8 or uint16, ``(C, H, W)``.
    """

    def __init__(self, planes: np.ndarray) -> None:
        self.planes = planes
        self.height, self.width = planes.shape[1:]
        self.size = self.width, self.height

    @classmethod
    def of(cls, array: np.ndarray) -> ArrayPicture:
        """Take an array ``(H, W)``, ``(H, W, C)``, or ``(C, H, W)`` where C is less than H and W.

        Raises:
            ValueError: The array has another type or shape.
        """
        if array.dtype not in (np.uint8, np.uint16) or array.ndim not in (2, 3) or not array.size:
            raise ValueError(f"an array {array.shape} of {array.dtype}, not (H, W, C) of uint8 or uint16")
        if array.ndim == 2:
            return cls(array[None])
        return cls(array if array.shape[0] < min(array.shape[1:]) else array.transpose(2, 0, 1))

    def crop(self, box: tuple[int, int, int, int]) -> ArrayPicture:
        """Return the part from left and top to right and bottom."""
        left, top, right, bottom = box
        return ArrayPicture(self.planes[:, top:bottom, left:right])

    def load(self) -> None:
        """Do nothing: pixels are read as they are needed."""

    def __enter__(self) -> ArrayPicture:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


Picture = Image.Image | ArrayPicture
Opener = Callable[[str], Picture]  # opens an image file by its name, whose pixels are read later; thread-safe


class Opened(Protocol):
    """Where images come from: a file or folder, with the config key of its path, for error messages."""

    path: Path
    key: str

    def opened(self) -> AbstractContextManager[Opener]:
        """Return a context that yields a function to open an image by its name."""


def upright_size(picture: Picture, header_alone: bool = False) -> str:
    """Return width and height of a picture as it is seen, turned by its EXIF orientation: ``640x480``.

    Args:
        picture: As it was opened.
        header_alone: Look at EXIF only where it was read with the header, as that of a JPEG is; a PNG without any would
            be decoded.
    """
    orientation = None
    if isinstance(picture, Image.Image) and (not header_alone or "exif" in picture.info):
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    width, height = picture.size[::-1] if orientation in _SIDEWAYS else picture.size
    return f"{width}x{height}"


@cache
def formats() -> tuple[str, ...]:
    """Return those that this Pillow can read."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def open_picture(source: Path | bytes) -> Picture:
    """Return the image of a file, or of a file's content; its pixels are read later.

    Raises:
        ValueError: It is a device or a pipe, which could be read without end, or an array that is no image.
        OSError: It cannot be opened, or is of no such format.
    """
    if isinstance(source, bytes):
        if source.startswith(_MAGIC):
            return ArrayPicture.of(_array(source))
        return Image.open(io.BytesIO(source), formats=formats())
    if not stat.S_ISREG(source.stat().st_mode):
        raise ValueError("not a regular file")
    if source.suffix.lower() == ARRAY:  # mapped, which refuses a header that claims more than there is
        return ArrayPicture.of(np.load(source, mmap_mode="r", allow_pickle=False))
    return Image.open(source, formats=formats())


def _array(content: bytes) -> np.ndarray:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if math.prod(shape) * dtype.itemsize > len(content) - file.tell():
        raise ValueError("an array that is shorter than its header says")
    array: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
    return array
