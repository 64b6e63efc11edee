"""Decode, crop and resize: from a picture of any mode and size to the pixels of a dataset."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import numpy as np
import PIL
from annotated_types import Interval
from PIL import Image, ImageOps

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.files.pictures import ArrayPicture, Opener, Picture

Channels = Annotated[int, Interval(ge=1, le=64)]  # 1: grey, 3: RGB
Bits = Literal[8, 16]
Resize = Literal["lanczos", "bicubic", "bilinear", "box"]

LARGEST_GUESS = 256  # pixels: a larger size is unlikely to be intended unless it is given
_VERSION = 1  # of the recipe: raise it when the same file would give other pixels
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # of Pillow, by channels
_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
}


@dataclass(frozen=True)
class Framing:
    """Turns a picture upright by its EXIF orientation, crops the largest part of the right shape and resizes it.

    The part is in the middle: of squares the central square. A picture that has the right size keeps its pixels. With
    one or three channels, transparent pixels become white; with two or four, transparency is the last channel. Other
    numbers of channels need an array, or a TIFF file with a grey page for each.

    Attributes:
        image_size: Height and width in pixels: one number for squares.
        channels: 1 for grey, 3 for RGB.
        resize: Resampling filter; all are antialiased. It changes FID, so compare images of one filter only.
        bits: 8, or 16 to keep the range of pictures of 16 bits: pictures of 8 bits are then scaled up, else 16 bits
            down.
    """

    image_size: int | tuple[int, int]
    channels: int
    resize: Resize
    bits: int = 8

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image: channels, height, width."""
        return DataFacts("", self.image_size, self.channels).shape

    @property
    def dtype(self) -> type[np.uint8 | np.uint16]:
        """The type of a value."""
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def part(self) -> str:
        """What of a picture is kept, in words."""
        _, height, width = self.shape
        return "central square" if height == width else f"central part of the shape {width}x{height}"

    def __call__(self, picture: Picture) -> np.ndarray:
        """Return pixels: uint8 or uint16, ``(C, H, W)``.

        Raises:
            Exception: Any exception that Pillow raises for a damaged file.
            ValueError: The picture is larger than Pillow considers safe, has other channels, or floating-point pixels.
        """
        refuse_bomb(picture)
        return _as_array([self._resized(band) for band in _upright(picture, self.channels, self.bits)], self.bits)

    def _resized(self, band: Image.Image) -> Image.Image:
        _, height, width = self.shape
        if band.size == (width, height):
            return band
        return band.resize((width, height), _FILTERS[self.resize], box=_middle(*band.size, width, height))

    def recipe(self) -> dict[str, Any]:
        """Return everything beside the files that determines the pixels."""
        own = {key: value for key, value in asdict(self).items() if key != "bits" or value != 8}
        return {"version": _VERSION, **own, "pillow": PIL.__version__}


def as_pixels(picture: Picture, channels: int, bits: int = 8) -> np.ndarray:
    """Return the pixels of a picture of any size, upright: uint8 or uint16, ``(C, H, W)``."""
    return _as_array(_upright(picture, channels, bits), bits)


def refuse_bomb(image: Picture) -> None:
    """Refuse a decompression bomb: an image that is small on disk and huge in memory.

    Raises:
        ValueError: The image has more pixels than Pillow considers safe.
    """
    width, height = image.size
    if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
        raise ValueError(f"{width}x{height} pixels are more than the {Image.MAX_IMAGE_PIXELS:,} that are safe")


def guess_size(first: str, opened: AbstractContextManager[Opener]) -> int:
    """Return the default image size: the shorter side of the first image.

    Raises:
        ConfigError: The first image cannot be read, has one pixel, or is so large that a resize is probably intended.
    """
    try:
        with opened as open_, open_(first) as image:
            width, height = image.size
    except Exception as error:  # Pillow raises exceptions of many types for damaged files
        raise ConfigError(f"dataset.image_size: no value given, and {first} cannot be read ({error})") from error
    if not 1 < min(width, height) <= LARGEST_GUESS:
        text = f"no value given, and {first} has {width}x{height} pixels"
        raise ConfigError(f"dataset.image_size: {text}: give one, such as dataset.image_size=64")
    return min(width, height)


def _middle(width: int, height: int, to_width: int, to_height: int) -> tuple[float, float, float, float]:
    """Return the largest box in the middle of ``width`` x ``height`` pixels that has the shape of the others."""
    if width * to_height <= height * to_width:
        wide, high = float(width), width * to_height / to_width
    else:
        wide, high = height * to_width / to_height, float(height)
    left, top = (width - wide) / 2, (height - high) / 2
    return left, top, left + wide, top + high


def _upright(picture: Picture, channels: int, bits: int) -> list[Image.Image]:
    """Return the picture, upright: one image of 8 bits with all channels, or one for each channel."""
    if isinstance(picture, ArrayPicture):
        if len(picture.planes) != channels:
            raise ValueError(f"an array of {len(picture.planes)} channels, not {channels}")
        return [_scaled(plane, bits) for plane in picture.planes]
    if channels not in _MODES or in_pages(picture, channels, bits):
        return _grey_pages(picture, channels, bits)
    upright = ImageOps.exif_transpose(picture)
    if bits == 16:
        if channels > 1:
            raise ValueError(f"{channels} channels of 16 bits need an array, or a TIFF file with as many grey pages")
        return [_grey(upright, bits)]
    if channels in (2, 4) and upright.has_transparency_data:
        return [upright.convert("RGBA").convert(_MODES[channels])]
    opaque = _eight_bits(upright)
    return [(opaque.convert("RGBA") if channels in (2, 4) else opaque).convert(_MODES[channels])]


def in_pages(picture: Image.Image, channels: int, bits: int) -> bool:
    """Return whether the pages of a picture are its channels; the colours of 8 bits are never in pages."""
    return channels > 1 and (channels != 3 or bits == 16) and _pages(picture) == channels


def _pages(picture: Image.Image) -> int:
    return getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1


def _grey_pages(picture: Image.Image, channels: int, bits: int) -> list[Image.Image]:
    if _pages(picture) != channels:
        raise ValueError(f"{channels} channels need an array, or a TIFF file with as many pages, not {_pages(picture)}")
    bands = []
    for page in range(channels):
        picture.seek(page)
        bands.append(_grey(picture.copy(), bits))
    return bands


def _grey(image: Image.Image, bits: int) -> Image.Image:
    if image.mode.startswith("I"):
        return _scaled(_sixteen_bits(image), bits)
    return _scaled(np.asarray(_eight_bits(image).convert("L")), bits)


def _sixteen_bits(image: Image.Image) -> np.ndarray:
    """Return the grey levels of a mode of 16 bits, some of which hold more than those, as uint16."""
    return np.asarray(image).astype(np.float64).clip(0, 65535).astype(np.uint16)


def _scaled(levels: np.ndarray, bits: int) -> Image.Image:
    """Return grey levels, uint8 or uint16 ``(H, W)``, as an image of 8 bits, or of floating point for 16 bits."""
    if bits == 16:
        return Image.fromarray(levels.astype(np.float32) * (257 if levels.dtype == np.uint8 else 1))
    return Image.fromarray(levels if levels.dtype == np.uint8 else (levels / 257).round().astype(np.uint8))


def _as_array(bands: list[Image.Image], bits: int) -> np.ndarray:
    if bits == 16:
        return np.stack([np.asarray(band).round().clip(0, 65535).astype(np.uint16) for band in bands])
    if len(bands) > 1:
        return np.stack([np.asarray(band) for band in bands])
    pixels = np.asarray(bands[0])
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the image in a mode of 8 bits without transparency."""
    if image.mode.startswith("I"):  # Pillow's own conversion would clip them at 255
        return _scaled(_sixteen_bits(image), 8)
    if image.mode == "F":
        raise ValueError("floating point pixels have no known range")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image
