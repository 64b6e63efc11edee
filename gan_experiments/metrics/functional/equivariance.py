"""Equivariance: whether moving what a generator starts from moves its images (Karras et al. 2021, appendix E).

Images are ``(C, H, W)`` in [-1, 1]. Errors are the sum of squares over the pixels that both images have, and their
number, ``(2,)`` in float64; they add up over images.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, conv2d, conv_transpose2d, grid_sample, pad

MIN_PIXELS = 16  # of images to rotate: the filters leave nothing of smaller ones

_LOBES = 3  # of the Lanczos windows
_REACH = 2 * _LOBES  # pixels that the filter of a rotation sees on each side
_SPAN = 64  # pixels on each side on which such a filter is computed
_UPSAMPLING = 4  # of an image to rotate
_DYNAMIC_RANGE = 2.0  # of values
_SMALLEST = 1e-20  # mean square, for images that do not differ at all


def peak_signal_to_noise(errors: Tensor) -> tuple[float, float]:
    """Return the PSNR of errors ``(N, 2)`` in dB, at most 206, and its margin of error at 95 % over images.

    Karras et al. 2021, equation 15: ``10 log10(4 / E[square])``, over all pixels of all images.
    """
    total, count = errors.double().sum(0).tolist()
    spread = (errors[:, 0] - total / count * errors[:, 1]).double().square().sum().sqrt().item() / count
    mean = max(total / count, _SMALLEST)
    return 10 * math.log10(_DYNAMIC_RANGE**2 / mean), 1.96 * 10 / math.log(10) * spread / mean


def translation_error(image: Tensor, moved: Tensor, shift: tuple[int, int]) -> Tensor:
    """Return the error of an image that should be ``image`` moved by whole pixels (EQ-T, appendix E.1).

    Args:
        image: The image.
        moved: The image made with a transform of the input.
        shift: Pixels to the right and down.
    """
    return _error(image, moved, shift)


def fractional_translation_error(image: Tensor, moved: Tensor, shift: tuple[float, float]) -> Tensor:
    """Return the error of an image that should be ``image`` moved by parts of pixels (EQ-T_frac, appendix E.2).

    Args:
        image: The image, which is moved with a Lanczos filter.
        moved: The image made with a transform of the input.
        shift: Pixels to the right and down.
    """
    whole = [math.floor(each) for each in shift]
    parts = [each - math.floor(each) for each in shift]
    taps = torch.arange(_LOBES, -_LOBES, -1, dtype=image.dtype, device=image.device)
    lines = [torch.special.sinc(taps - f) * torch.special.sinc((taps - f) / _LOBES) for f in parts]
    row, column = (line / line.sum() for line in lines)
    filtered = conv2d(conv2d(image[:, None], row.reshape(1, 1, 1, -1)), column.reshape(1, 1, -1, 1))[:, 0]
    return _error(filtered, moved, (whole[0] + _LOBES, whole[1] + _LOBES))


def rotation_error(image: Tensor, moved: Tensor, angle: float) -> Tensor:
    """Return the error of an image that should be ``image`` turned by ``angle`` (EQ-R, appendix E.3).

    ``image`` is turned with a filter for the band that its pixels and turned pixels have in common, and ``moved`` is
    filtered as if it had been turned the other way, so that both have the same band.

    Args:
        image: The image, of 16 pixels or more.
        moved: The image made with a transform of the input.
        angle: In radians; positions (x, y), y down, move by ``rotation_matrix``.
    """
    turned, inside = _rotated(image, angle)
    kernel = rotation_filter(-angle, up=1).to(image)
    margin = kernel.shape[0] // 2
    expected = conv2d(moved[:, None], kernel.flip(0, 1)[None, None], padding=margin)[:, 0]
    inside[:margin], inside[-margin:], inside[:, :margin], inside[:, -margin:] = (False,) * 4
    difference = (turned - expected)[:, inside].double()
    return torch.stack([difference.square().sum(), difference.new_tensor(difference.numel())])


def rotation_matrix(angles: Tensor) -> Tensor:
    """Return the matrices ``[[cos, sin], [-sin, cos]]`` of angles ``(...)``: ``(..., 2, 2)``."""
    cosine, sine = angles.cos(), angles.sin()
    return torch.stack([cosine, sine, -sine, cosine], dim=-1).reshape(*angles.shape, 2, 2)


def rotation_filter(angle: float, up: int) -> Tensor:
    """Return the low-pass filter for the band that upright and turned pixels have in common: ``(K, K)``, sums to 1.

    The convolution of an upright and a turned sinc, times that of two Lanczos windows (appendix E.3).

    Args:
        angle: In radians.
        up: Samples per pixel; each phase of the filter sums to the same.
    """
    line = torch.arange(1 - _SPAN * up, _SPAN * up).roll(1 - _SPAN * up) / up
    upright = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=2)
    turned = upright @ rotation_matrix(torch.tensor(angle)).T
    sincs = [torch.special.sinc(points).prod(2) for points in (upright, turned)]
    windows = [(torch.special.sinc(points / _LOBES) * (points.abs() < _LOBES)).prod(2) for points in (upright, turned)]
    kernel = _convolution(*sincs) * _convolution(*windows)
    kernel = kernel.roll((_SPAN * up - 1, _SPAN * up - 1), (0, 1))
    cut = (_SPAN - _REACH) * up
    phases = pad(kernel[cut:-cut, cut:-cut], (0, 1, 0, 1)).reshape(2 * _REACH, up, 2 * _REACH, up)
    phases = phases / phases.sum((0, 2), keepdim=True) / up**2
    return phases.reshape(2 * _REACH * up, 2 * _REACH * up)[:-1, :-1]


def _rotated(image: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    """Return a turned image, and which of its pixels ``(H, W)`` were computed from the image alone."""
    up, size = _UPSAMPLING, image.new_tensor([image.shape[2], image.shape[1]])
    kernel = rotation_filter(angle, up).to(image)
    margin = kernel.shape[0] // 2
    fine = up**2 * pad(conv_transpose2d(image[:, None], kernel[None, None], stride=up)[:, 0], (2, 1, 2, 1))
    theta = image.new_zeros(2, 3)
    theta[:, :2] = rotation_matrix(-image.new_tensor(angle))
    theta[:, 2] = 1 / up / size
    theta = theta * (size / (size + 2 * margin / up))[:, None]
    grid = affine_grid(theta[None], [1, *image.shape], align_corners=False)
    inside = torch.zeros_like(fine[:1])
    edge = 2 * margin + 1
    inside[:, edge:-edge, edge:-edge] = 1
    turned = grid_sample(fine[None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]
    known = grid_sample(inside[None], grid, mode="nearest", padding_mode="zeros", align_corners=False)[0, 0]
    return turned, known > 0


def _error(reference: Tensor, moved: Tensor, origin: tuple[int, int]) -> Tensor:
    """Return the error where both are, the first pixel of ``reference`` being at ``origin`` (x, y) of ``moved``."""
    seen, expected = [slice(None)], [slice(None)]
    for start, length, side in zip(origin[::-1], reference.shape[1:], moved.shape[1:], strict=True):
        first = max(start, 0)
        last = max(first, min(start + length, side))
        seen.append(slice(first, last))
        expected.append(slice(first - start, last - start))
    difference = (reference[tuple(expected)] - moved[tuple(seen)]).double()
    return torch.stack([difference.square().sum(), difference.new_tensor(difference.numel())])


def _convolution(first: Tensor, second: Tensor) -> Tensor:
    """Return the circular convolution of two matrices."""
    product: Tensor = torch.fft.irfft2(torch.fft.rfft2(first) * torch.fft.rfft2(second), s=first.shape)
    return product
