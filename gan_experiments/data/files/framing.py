"""Decode, crop and resize: from an image of any mode and size to the pixels of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import PIL
from PIL import Image, ImageOps

from gan_experiments.core.types import ConfigError

Channels = Literal[1, 3]  # grey, RGB
Resize = Literal["lanczos", "bicubic", "bilinear", "box"]

_LARGEST_GUESS = 256  # pixels: a larger size is unlikely to be intended unless it is given
_VERSION = 1  # of the recipe: raise it when the same file would give other pixels
_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
}


@dataclass(frozen=True)
class Framing:
    """Turns an image upright by its EXIF orientation, crops the largest central square and resizes it.

    An image that already has the right size keeps its pixels. Transparent pixels become white, 16 bits become 8.

    Attributes:
        image_size: Height and width in pixels.
        channels: 1 for grey, 3 for RGB.
        resize: Resampling filter; all are antialiased. It changes FID, so compare images of one filter only.
    """

    image_size: int
    channels: int
    resize: Resize

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Return pixels: uint8, ``(C, image_size, image_size)``.

        Raises:
            Exception: Any exception that Pillow raises for a damaged file.
            ValueError: The image is larger than Pillow considers safe, or its pixels are floating point.
        """
        refuse_bomb(image)
        upright = _upright(image, self.channels)
        if upright.size != (self.image_size, self.image_size):
            upright = upright.resize((self.image_size,) * 2, _FILTERS[self.resize], box=_square(*upright.size))
        return _as_array(upright)

    def recipe(self) -> dict[str, Any]:
        """Return everything beside the files that determines the pixels."""
        return {"version": _VERSION, **asdict(self), "pillow": PIL.__version__}


def as_pixels(image: Image.Image, channels: int) -> np.ndarray:
    """Return the pixels of an image of any size, upright: uint8, ``(C, H, W)``."""
    return _as_array(_upright(image, channels))


def _upright(image: Image.Image, channels: int) -> Image.Image:
    return _eight_bits(ImageOps.exif_transpose(image)).convert("L" if channels == 1 else "RGB")


def _as_array(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def refuse_bomb(image: Image.Image) -> None:
    """Refuse a decompression bomb: an image that is small on disk and huge in memory.

    Raises:
        ValueError: The image has more pixels than Pillow considers safe.
    """
    width, height = image.size
    if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
        raise ValueError(f"{width}x{height} pixels are more than the {Image.MAX_IMAGE_PIXELS:,} that are safe")


def guess_size(first: str, opened: AbstractContextManager[Callable[[str], Image.Image]]) -> int:
    """Return the default image size: the shorter side of the first image.

    Raises:
        ConfigError: The first image cannot be read, or is so large that a resize is probably intended.
    """
    try:
        with opened as open_, open_(first) as image:
            width, height = image.size
    except Exception as error:  # Pillow raises exceptions of many types for damaged files
        raise ConfigError(f"dataset.image_size: no value given, and {first} cannot be read ({error})") from error
    if min(width, height) > _LARGEST_GUESS:
        raise ConfigError(f"dataset.image_size: no value given, and {first} has {width}x{height} pixels")
    return min(width, height)


def _square(width: int, height: int) -> tuple[float, float, float, float]:
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the image in a mode of 8 bits without transparency."""
    if image.mode.startswith("I"):  # 16 bits: Pillow's own conversion would clip them at 255
        levels = np.clip(np.asarray(image).astype(np.float64), 0, 65535)
        return Image.fromarray((levels / 257).round().astype(np.uint8))
    if image.mode == "F":
        raise ValueError("floating point pixels have no known range")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image
