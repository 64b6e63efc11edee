"""Conversion between uint8 and float images, image grids, and PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import pad
from torchvision.transforms.functional import pil_to_tensor
from torchvision.utils import make_grid

from gan_experiments.core.files import replacing
from gan_experiments.core.precision import in_float32


def to_float(images: Tensor) -> Tensor:
    """Map uint8 images ``(..., C, H, W)`` of [0, 255] to float32 of [-1, 1]; the memory format stays.

    Floating-point input, such as points in the plane, is in [-1, 1] already and keeps its values.
    """
    if images.is_floating_point():
        return in_float32(images)
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Map float images ``(..., C, H, W)`` of [-1, 1] to uint8: rounded, clamped, the inverse of ``to_float``."""
    return images.to(torch.float32).add(1.0).mul_(127.5).round_().clamp_(0.0, 255.0).to(torch.uint8)


def as_measured(images: Tensor) -> Tensor:
    """Convert generated images to the type that metrics take: uint8, or floating point for points in the plane."""
    return images if is_points(images) else to_uint8(images)


def in_colour(images: Tensor) -> Tensor:
    """Return images ``(B, C, H, W)`` with three channels: grey ones have the same value in each."""
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def is_points(images: Tensor) -> bool:
    """Return whether images ``(B, C, H, W)`` are points: one pixel whose one or two channels are coordinates."""
    return images.shape[-3:] in ((1, 1, 1), (2, 1, 1))


def image_grid(images: Tensor, columns: int = 8, min_pixels: int = 32) -> Tensor:
    """Arrange images in rows, enlarging small ones by a whole factor.

    Points become dots of one image instead, those on a line in its middle.

    Args:
        images: uint8, or float in [-1, 1]: ``(B, C, H, W)`` with one or three channels.
        columns: Images in a row.
        min_pixels: Images of at least this height, in pixels, are not enlarged.

    Returns:
        uint8, ``(3, H', W')``, on the CPU.
    """
    images = images.detach().cpu()
    if is_points(images):
        return _dots(images.flatten(1))
    if images.dtype != torch.uint8:
        images = to_uint8(images)
    factor = max(1, -(-min_pixels // images.shape[-2]))
    enlarged = images.repeat_interleave(factor, dim=-2).repeat_interleave(factor, dim=-1)
    grid: Tensor = make_grid(enlarged, nrow=columns, padding=2)
    return grid


def label_rows(grid: Tensor, labels: Sequence[str], width: int = 96) -> Tensor:
    """Return a grid ``(3, H, W)`` of equally high rows with a text in white on black right of each.

    Args:
        grid: uint8.
        labels: One for each row.
        width: Of the added margin, in pixels.
    """
    margin = Image.new("RGB", (width, grid.shape[1]))
    height = grid.shape[1] / len(labels)
    for row, label in enumerate(labels):
        place = (6, (row + 0.5) * height)
        ImageDraw.Draw(margin).text(place, label, fill="white", font=ImageFont.load_default(12), anchor="lm")
    return torch.cat([grid, pil_to_tensor(margin)], dim=2)


def _dots(points: Tensor, pixels: int = 256) -> Tensor:
    """Draw points ``(B, 1)`` or ``(B, 2)`` of [-1, 1], the second coordinate upwards, on white."""
    points = pad(points, (0, 2 - points.shape[1]))
    columns, rows = ((points * torch.tensor([1, -1]) + 1) / 2 * (pixels - 1)).round().long().clamp(1, pixels - 2).T
    image = torch.full((3, pixels, pixels), 255, dtype=torch.uint8)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            image[:, rows + down, columns + right] = 0
    return image


def save_png(grid: Tensor, path: str | Path) -> None:
    """Write a uint8 image ``(3, H, W)`` or ``(1, H, W)`` as a PNG, atomically."""
    pixels = grid.permute(1, 2, 0).contiguous().numpy()
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    with replacing(Path(path)) as temporary:
        image.save(temporary, format="PNG")
