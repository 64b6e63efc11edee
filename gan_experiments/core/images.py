"""Conversion between stored and float images, image grids, and image files.

Images are stored as uint8, those of 16 bits as uint16, and points in the plane as floating point in [-1, 1].
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad
from torchvision.utils import make_grid

from gan_experiments.core.files import replacing
from gan_experiments.core.precision import in_float32

_MIN_PIXELS = 32  # of the images in a grid


def to_float(images: Tensor) -> Tensor:
    """Map stored images ``(..., C, H, W)`` of [0, 255] or [0, 65535] to float32 of [-1, 1]; the memory format stays.

    Floating-point input, such as points in the plane, is in [-1, 1] already and keeps its values.
    """
    if images.is_floating_point():
        return in_float32(images)
    return images.to(torch.float32).div_(torch.iinfo(images.dtype).max / 2).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Map float images ``(..., C, H, W)`` of [-1, 1] to uint8: rounded, clamped, the inverse of ``to_float``."""
    return _to_stored(images, torch.uint8)


def as_measured(images: Tensor, bits: int = 8) -> Tensor:
    """Convert generated images to the type that the data have and metrics take."""
    return images if is_points(images) else _to_stored(images, torch.uint16 if bits == 16 else torch.uint8)


def _to_stored(images: Tensor, dtype: torch.dtype) -> Tensor:
    largest = float(torch.iinfo(dtype).max)
    return images.to(torch.float32).add(1.0).mul_(largest / 2).round_().clamp_(0.0, largest).to(dtype)


def movable(images: Tensor) -> Tensor:
    """Return images as they are, but uint16 seen as int16, bit for bit: torch 2.10 mirrors no uint16."""
    return images.view(torch.int16) if images.dtype == torch.uint16 else images


def grey_levels(images: Tensor) -> Tensor:
    """Return stored images as float32 in grey levels of 255, which 16 bits divide further."""
    return images.float() / 257 if images.dtype == torch.uint16 else images.float()


def to_eight_bits(images: Tensor) -> Tensor:
    """Return images of 16 bits as uint8, for a network or a file that takes 8 bits; others as they are."""
    return grey_levels(images).round_().to(torch.uint8) if images.dtype == torch.uint16 else images


def in_colour(images: Tensor) -> Tensor:
    """Return images ``(B, C, H, W)`` with three channels to look at.

    Grey ones have the same value in each; of two channels the first is shown, of more the first three.
    """
    return images[:, :1].expand(-1, 3, -1, -1) if images.shape[1] < 3 else images[:, :3]


def is_points(images: Tensor) -> bool:
    """Return whether images ``(B, C, H, W)`` are points: one pixel whose one or two channels are coordinates."""
    return images.shape[-3:] in ((1, 1, 1), (2, 1, 1))


def image_grid(images: Tensor, columns: int = 8, bits: int = 8) -> Tensor:
    """Arrange images in rows, those of less than 32 pixels in height enlarged by a whole factor.

    Points become dots of one image instead, those on a line in its middle.

    Args:
        images: Stored, or float in [-1, 1]: ``(B, C, H, W)``, which ``in_colour`` shows.
        columns: Images in a row.
        bits: 16 to keep the 16 bits of grey images.

    Returns:
        uint8, ``(3, H', W')``, on the CPU; uint16, ``(1, H', W')``, of grey images with 16 bits.
    """
    images = images.detach().cpu()
    if is_points(images):
        return _dots(images.flatten(1))
    deep = bits == 16 and images.shape[1] < 3
    if images.is_floating_point():
        images = as_measured(images, 16 if deep else 8)
    images = in_colour(images if deep else to_eight_bits(images))
    factor = -(-_MIN_PIXELS // images.shape[-2])
    enlarged = images.repeat_interleave(factor, dim=-2).repeat_interleave(factor, dim=-1)
    grid: Tensor = make_grid(enlarged, nrow=columns, padding=2)
    return grid[:1] if deep else grid


def _dots(points: Tensor) -> Tensor:
    """Draw points ``(B, 1)`` or ``(B, 2)`` of [-1, 1], the second coordinate upwards, on white."""
    pixels = 256
    points = pad(points, (0, 2 - points.shape[1]))
    columns, rows = ((points * torch.tensor([1, -1]) + 1) / 2 * (pixels - 1)).round().long().clamp(1, pixels - 2).T
    image = torch.full((3, pixels, pixels), 255, dtype=torch.uint8)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            image[:, rows + down, columns + right] = 0
    return image


def picture_suffix(channels: int, bits: int) -> str:
    """Return the suffix of the files of images: ``.png``, or ``.npy`` for those that no PNG holds here."""
    return ".png" if channels == 1 or (channels <= 4 and bits == 8) else ".npy"


def encode_picture(image: Tensor) -> bytes:
    """Return the content of the file of an image ``(C, H, W)``, uint8 or uint16; an array is ``(H, W, C)``."""
    pixels, file = image.permute(1, 2, 0).contiguous().numpy(), io.BytesIO()
    if picture_suffix(len(image), 16 if image.dtype == torch.uint16 else 8) == ".npy":
        np.save(file, pixels)
    else:
        Image.fromarray(pixels[:, :, 0] if len(image) == 1 else pixels).save(file, format="PNG")
    return file.getvalue()


def save_png(image: Tensor, path: str | Path) -> None:
    """Write an image ``(C, H, W)``, uint8 or uint16, as a PNG, atomically; as an array if no PNG holds it."""
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(encode_picture(image))
