"""Moving pixels: exactly, and between pixels through a proper filter. The world beyond the edge is the image mirrored.

B: batch, C: channels, S: height and width in pixels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

# The low-pass filter of the orthogonal wavelet sym6 (Daubechies 1992): up and down again changes nothing.
SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
    0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
    0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
_REACH = len(SYM6) // 2 - 1
_NEAR = 3  # pixels beyond the edge that the filter reaches
# Pixel i lies at 2 i + _DELAY of the doubled image, place 0 being where the filter's tap _REACH meets pixel 0.
_DELAY = sum(place * tap for place, tap in enumerate(SYM6)) / sum(SYM6) - _REACH


def mirrored(places: Tensor, size: int) -> Tensor:
    """Fold integer places of a world of mirrors into ``0 .. size - 1``; edge pixels come twice in a row."""
    places = places.remainder(2 * size)
    return torch.where(places < size, places, 2 * size - 1 - places)


def mirror_pad(images: Tensor, margin: int) -> Tensor:
    """Widen images ``(B, C, S, S)`` by any number of mirrored pixels on every side."""
    size = images.shape[-1]
    places = mirrored(torch.arange(-margin, size + margin, device=images.device), size)
    return images.index_select(2, places).index_select(3, places)


def blit(images: Tensor, flip: Tensor, quarters: Tensor, shift: Tensor) -> Tensor:
    """Mirror images left to right, turn them by quarters of a circle, then move them by whole pixels: exactly.

    Args:
        images: ``(B, C, S, S)``.
        flip: Bool, ``(B,)``.
        quarters: Quarter turns counter-clockwise, int64, ``(B,)``.
        shift: Pixels downwards and to the right, int64, ``(B, 2)``.
    """
    batch, channels, size = images.shape[:3]
    line = 2 * torch.arange(size, device=images.device) - (size - 1)  # half pixels from the centre: integers
    down = (line[:, None] - 2 * shift[:, 0, None, None]).expand(batch, size, size)
    right = (line[None, :] - 2 * shift[:, 1, None, None]).expand(batch, size, size)
    cosine = (1 - quarters.remainder(4)) * (1 - quarters.remainder(2))
    sine = (2 - quarters.remainder(4)) * quarters.remainder(2)
    down, right = (
        cosine[:, None, None] * down + sine[:, None, None] * right,
        cosine[:, None, None] * right - sine[:, None, None] * down,
    )
    right = torch.where(flip[:, None, None], -right, right)
    rows, columns = (mirrored((places + size - 1) // 2, size) for places in (down, right))
    source = (rows * size + columns).flatten(1)[:, None].expand(-1, channels, -1)
    return images.flatten(2).gather(2, source).view(images.shape)


class Warp(nn.Module):
    """Affine maps of images, read bilinearly at twice the resolution (Karras et al. 2020, ADA, appendix B).

    Args:
        size: Height and width of the images, S.
    """

    up: Tensor
    down: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("up", _doubling(size), persistent=False)
        self.register_buffer("down", _halving(size), persistent=False)

    def forward(self, images: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
        """Read images ``(B, C, S, S)`` at ``matrix (x - shift)`` for every pixel x.

        Args:
            images: Float32 or float64.
            matrix: The inverse of the map, ``(B, 2, 2)``, on vectors (down, right) from the centre.
            shift: Pixels downwards and to the right, ``(B, 2)``.
        """
        up, down = self.up.to(images.dtype), self.down.to(images.dtype)
        doubled = up @ images @ up.T
        grid = 2 * (2 * (self._places(matrix, shift) + _NEAR) + _DELAY) + 1
        read: Tensor = _Sample.apply(doubled, grid / len(up) - 1)
        return down @ read @ down.T

    def _places(self, matrix: Tensor, shift: Tensor) -> Tensor:
        """Return what pixels to read for the doubled result, and for those beside it that the filter needs.

        Returns:
            ``(B, 2 S + 10, 2 S + 10, 2)``, right and down in pixels from the first one.
        """
        size, doubled = self.down.shape
        line = torch.arange(doubled, device=matrix.device, dtype=matrix.dtype) - _REACH
        line = (line - _DELAY) / 2 - (size - 1) / 2  # pixels from the centre
        down, right = line[:, None] - shift[:, 0, None, None], line[None, :] - shift[:, 1, None, None]
        cells = matrix[:, :, :, None, None]
        places = torch.stack(
            [cells[:, 1, 0] * down + cells[:, 1, 1] * right, cells[:, 0, 0] * down + cells[:, 0, 1] * right], dim=3
        )
        places = places + (size - 1) / 2
        folded = (places + 0.5).remainder(2 * size)
        folded = torch.minimum(folded, 2 * size - folded) - 0.5
        near = (places > -_NEAR) & (places < size - 1 + _NEAR)  # there the doubled image holds what is beyond the edge
        return torch.where(near, places, folded)


def _doubling(size: int) -> Tensor:
    """Return the matrix that doubles a mirrored line of pixels, 3 more on either side: ``(2 S + 12, S)``."""
    matrix = torch.zeros(2 * (size + 2 * _NEAR), size, dtype=torch.float64)
    for row, place in enumerate(range(-2 * _NEAR, 2 * (size + _NEAR))):
        for tap in range((place + _REACH) % 2, len(SYM6), 2):
            pixel = mirrored(torch.tensor((place + _REACH - tap) // 2), size)
            matrix[row, pixel] += 2**0.5 * SYM6[tap]
    return matrix.float()


def _halving(size: int) -> Tensor:
    """Return the matrix that halves a line with 5 more on either side: ``(S, 2 S + 10)``."""
    matrix = torch.zeros(size, 2 * (size + _REACH), dtype=torch.float64)
    for pixel in range(size):
        matrix[pixel, 2 * pixel : 2 * pixel + len(SYM6)] = torch.tensor(SYM6, dtype=torch.float64) / 2**0.5
    return matrix.float()


class _Sample(torch.autograd.Function):
    """Bilinear sampling that can be differentiated by the images any number of times, as torch's own cannot."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = images.shape
        return grid_sample(images, grid, align_corners=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None]:
        (grid,) = ctx.saved_tensors
        return _Spread.apply(gradients[0], grid, ctx.shape), None


class _Spread(torch.autograd.Function):
    """The transpose of :class:`_Sample`."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        images = gradient.new_empty(shape)  # of which only the shape is read, as the grid needs no gradient
        spread: Tensor = torch.ops.aten.grid_sampler_2d_backward(gradient, images, grid, 0, 0, False, (True, False))[0]
        return spread

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None]:
        (grid,) = ctx.saved_tensors
        return _Sample.apply(gradients[0], grid), None, None
