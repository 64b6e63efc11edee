"""From a picture of any kind to the pixels a run sees."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import PIL
from PIL import Image, ImageOps

from gan_experiments.core.types import ConfigError

Resize = Literal["lanczos", "bicubic", "bilinear", "box"]

_LARGEST_GUESS = 256  # pixels: above it, a size is not what somebody means who does not say it
_VERSION = 1  # of the recipe: raise it when the same picture would come out otherwise
_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
}


@dataclass(frozen=True)
class Framing:
    """How a picture becomes an image: turned as its camera says, cut to the largest centred square, resized.

    A picture that has the right size already keeps its pixels. What is transparent becomes white, 16 bits become 8.

    Attributes:
        image_size: Pixels in height and width.
        channels: 1 for grey, 3 for colours.
        resize: The filter; all of them are antialiased. It moves FID, so compare images of one filter only.
    """

    image_size: int
    channels: int
    resize: Resize

    def __call__(self, picture: Image.Image) -> np.ndarray:
        """Return pixels: uint8, ``(C, image_size, image_size)``.

        Raises:
            Exception: Whatever Pillow makes of a damaged file.
            ValueError: There are more pixels than Pillow takes for safe, or of a kind that has no range.
        """
        refuse_bomb(picture)
        upright = _eight_bits(ImageOps.exif_transpose(picture)).convert("L" if self.channels == 1 else "RGB")
        if upright.size != (self.image_size, self.image_size):
            upright = upright.resize((self.image_size,) * 2, _FILTERS[self.resize], box=_square(*upright.size))
        pixels = np.asarray(upright)
        return pixels[None] if self.channels == 1 else pixels.transpose(2, 0, 1)

    def recipe(self) -> dict[str, Any]:
        """Return all that the pixels are a function of, beside the files."""
        return {"version": _VERSION, **asdict(self), "pillow": PIL.__version__}


def refuse_bomb(picture: Image.Image) -> None:
    """Refuse a picture that is small in its file and huge in memory.

    Raises:
        ValueError: There are more pixels than Pillow takes for safe.
    """
    width, height = picture.size
    if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
        raise ValueError(f"{width}x{height} pixels are more than the {Image.MAX_IMAGE_PIXELS:,} that are safe")


def guess_size(first: str, opened: AbstractContextManager[Callable[[str], Image.Image]]) -> int:
    """Return the size that is meant where none is said: the shorter side of the first picture.

    Raises:
        ConfigError: It cannot be read, or is too large to be meant.
    """
    try:
        with opened as open_, open_(first) as picture:
            width, height = picture.size
    except Exception as error:  # Pillow's readers raise whatever they stumble over
        raise ConfigError(f"dataset.image_size: say it, since {first} cannot be read ({error})") from error
    if min(width, height) > _LARGEST_GUESS:
        raise ConfigError(f"dataset.image_size: say it, since {first} has {width}x{height} pixels")
    return min(width, height)


def _square(width: int, height: int) -> tuple[float, float, float, float]:
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Return the picture in a mode of 8 bits without transparency."""
    if picture.mode.startswith("I"):  # 16 bits: Pillow's own conversion would clip them at 255
        levels = np.clip(np.asarray(picture).astype(np.float64), 0, 65535)
        return Image.fromarray((levels / 257).round().astype(np.uint8))
    if picture.mode == "F":
        raise ValueError("floating point pixels have no range")
    if picture.has_transparency_data:
        seen_through = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, seen_through).convert("RGB")
    return picture
