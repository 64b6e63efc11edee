"""Exact pixel moves, and antialiased affine warping, with mirrored padding.

B: batch, C: channels, H, W: height and width in pixels, S: either of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

# Low-pass filter of the orthogonal wavelet sym6 (Daubechies 1992): upsampling, then downsampling is the identity.
SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
    0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
    0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
_REACH = len(SYM6) // 2 - 1
_NEAR = 3  # pixels that the filter reaches beyond the edge
# Pixel i lies at 2 i + _DELAY of the doubled image, whose position 0 is where the filter's tap _REACH meets pixel 0.
_DELAY = sum(index * tap for index, tap in enumerate(SYM6)) / sum(SYM6) - _REACH


def mirrored(positions: Tensor, size: int) -> Tensor:
    """Reflect integer positions into ``0 .. size - 1``; edge pixels are repeated."""
    positions = positions.remainder(2 * size)
    return torch.where(positions < size, positions, 2 * size - 1 - positions)


def mirror_pad(images: Tensor, margin: int) -> Tensor:
    """Pad images ``(B, C, H, W)`` by any number of mirrored pixels on every side."""
    rows, columns = (
        mirrored(torch.arange(-margin, size + margin, device=images.device), size) for size in images.shape[2:]
    )
    return images.index_select(2, rows).index_select(3, columns)


def blit(images: Tensor, flip: Tensor, quarters: Tensor, shift: Tensor) -> Tensor:
    """Mirror images left to right, rotate them by quarter turns, then translate them by whole pixels: exactly.

    Args:
        images: ``(B, C, H, W)``; a quarter turn of a rectangle is filled with mirrored pixels, and is off by half
            a pixel where one side is even and the other is not.
        flip: Bool, ``(B,)``.
        quarters: Quarter turns counter-clockwise, int64, ``(B,)``.
        shift: Pixels downwards and to the right, int64, ``(B, 2)``.
    """
    batch, channels, *sides = images.shape
    # Half pixels from the centre: integers.
    lines = [2 * torch.arange(size, device=images.device) - (size - 1) for size in sides]
    down = (lines[0][:, None] - 2 * shift[:, 0, None, None]).expand(batch, *sides)
    right = (lines[1][None, :] - 2 * shift[:, 1, None, None]).expand(batch, *sides)
    cosine = (1 - quarters.remainder(4)) * (1 - quarters.remainder(2))
    sine = (2 - quarters.remainder(4)) * quarters.remainder(2)
    down, right = (
        cosine[:, None, None] * down + sine[:, None, None] * right,
        cosine[:, None, None] * right - sine[:, None, None] * down,
    )
    right = torch.where(flip[:, None, None], -right, right)
    rows, columns = (
        mirrored((positions + size - 1) // 2, size) for positions, size in zip((down, right), sides, strict=True)
    )
    source = (rows * sides[1] + columns).flatten(1)[:, None].expand(-1, channels, -1)
    return images.flatten(2).gather(2, source).view(images.shape)


class Warp(nn.Module):
    """Affine warping with bilinear sampling at twice the resolution (Karras et al. 2020, ADA, appendix B).

    Args:
        sides: Height and width of the images.
    """

    def __init__(self, sides: tuple[int, int]) -> None:
        super().__init__()
        self._sides = sides
        for size in set(sides):
            self.register_buffer(f"up{size}", _doubling(size), persistent=False)
            self.register_buffer(f"down{size}", _halving(size), persistent=False)

    def forward(self, images: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
        """Sample images ``(B, C, H, W)`` at ``matrix (x - shift)`` for every pixel x.

        Args:
            images: Float32 or float64.
            matrix: Inverse of the affine map, ``(B, 2, 2)``, on vectors (down, right) from the centre.
            shift: Pixels downwards and to the right, ``(B, 2)``.
        """
        up_rows, up_columns = (self.get_buffer(f"up{size}").to(images.dtype) for size in self._sides)
        down_rows, down_columns = (self.get_buffer(f"down{size}").to(images.dtype) for size in self._sides)
        doubled = up_rows @ images @ up_columns.T
        grid = [2 * (2 * (each + _NEAR) + _DELAY) + 1 for each in self._positions(matrix, shift)]
        scaled = torch.stack([grid[1] / len(up_columns) - 1, grid[0] / len(up_rows) - 1], dim=3)
        read: Tensor = _Sample.apply(doubled, scaled)
        return down_rows @ read @ down_columns.T

    def _positions(self, matrix: Tensor, shift: Tensor) -> list[Tensor]:
        """Return the positions to sample for the doubled result and the margin that the filter needs.

        Returns:
            Down and right, in pixels from the first pixel: ``(B, 2 H + 10, 2 W + 10)`` each.
        """
        lines = [
            (torch.arange(2 * (size + _REACH), device=matrix.device, dtype=matrix.dtype) - _REACH - _DELAY) / 2
            - (size - 1) / 2  # pixels from the centre
            for size in self._sides
        ]
        down, right = lines[0][:, None] - shift[:, 0, None, None], lines[1][None, :] - shift[:, 1, None, None]
        cells = matrix[:, :, :, None, None]
        read = [cells[:, axis, 0] * down + cells[:, axis, 1] * right for axis in (0, 1)]
        return [_folded(each + (size - 1) / 2, size) for each, size in zip(read, self._sides, strict=True)]


def _folded(positions: Tensor, size: int) -> Tensor:
    """Reflect positions far outside ``size`` pixels into them; the doubled image has a margin itself."""
    folded = (positions + 0.5).remainder(2 * size)
    folded = torch.minimum(folded, 2 * size - folded) - 0.5
    near = (positions > -_NEAR) & (positions < size - 1 + _NEAR)
    return torch.where(near, positions, folded)


def _doubling(size: int) -> Tensor:
    """Return the matrix that doubles a line of pixels with 3 mirrored ones on either side: ``(2 S + 12, S)``."""
    matrix = torch.zeros(2 * (size + 2 * _NEAR), size, dtype=torch.float64)
    for row, position in enumerate(range(-2 * _NEAR, 2 * (size + _NEAR))):
        for tap in range((position + _REACH) % 2, len(SYM6), 2):
            pixel = mirrored(torch.tensor((position + _REACH - tap) // 2), size)
            matrix[row, pixel] += 2**0.5 * SYM6[tap]
    return matrix.float()


def _halving(size: int) -> Tensor:
    """Return the matrix that halves a line with 5 more on either side: ``(S, 2 S + 10)``."""
    matrix = torch.zeros(size, 2 * (size + _REACH), dtype=torch.float64)
    for pixel in range(size):
        matrix[pixel, 2 * pixel : 2 * pixel + len(SYM6)] = torch.tensor(SYM6, dtype=torch.float64) / 2**0.5
    return matrix.float()


class _Sample(torch.autograd.Function):
    """Bilinear sampling that is differentiable by the images any number of times, unlike that of torch."""

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
        images = gradient.new_empty(shape)  # only its shape is read, because the grid needs no gradient
        spread: Tensor = torch.ops.aten.grid_sampler_2d_backward(gradient, images, grid, 0, 0, False, (True, False))[0]
        return spread

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None]:
        (grid,) = ctx.saved_tensors
        return _Sample.apply(gradients[0], grid), None, None
