"""Low-pass filters, and up- and downsampling by two with them.

Linear maps with zero padding, differentiable any number of times.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

BINOMIAL = (1.0, 3.0, 3.0, 1.0)  # a box filter applied three times


class Filter(nn.Module):
    """A separable filter on each channel: ``(B, C, H, W)`` to ``(B, C, H + 2 padding - K + 1, ...)``.

    Args:
        taps: The ``K`` values of the filter in one direction; scaled to a sum of 1.
        padding: Zeros added on every side.
        gain: Factor of the output.
    """

    kernel: Tensor

    def __init__(self, taps: Sequence[float] = BINOMIAL, padding: int = 0, gain: float = 1.0) -> None:
        super().__init__()
        line = torch.tensor(taps, dtype=torch.float64)
        kernel = gain * torch.outer(line, line) / line.sum() ** 2
        self.register_buffer("kernel", kernel.to(torch.get_default_dtype()), persistent=False)
        self.padding = padding

    def forward(self, images: Tensor) -> Tensor:
        """Filter images ``(B, C, H, W)``."""
        return conv2d(images, self._weight(images), padding=self.padding, groups=images.shape[1])

    def _weight(self, images: Tensor) -> Tensor:
        """Return the kernel for every channel: ``(C, 1, K, K)``."""
        return self.kernel.to(images.dtype).expand(images.shape[1], 1, -1, -1)


class Downsample(Filter):
    """Halve images: filter them and keep every second pixel, with the pixel grids centred on each other.

    Args:
        taps: An even number of filter values.
    """

    def __init__(self, taps: Sequence[float] = BINOMIAL) -> None:
        super().__init__(taps, padding=len(taps) // 2 - 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H / 2, W / 2)``."""
        return conv2d(images, self._weight(images), stride=2, padding=self.padding, groups=images.shape[1])


class Upsample(Filter):
    """Double images: insert zeros between pixels and filter; four times the transpose of ``Downsample``.

    Args:
        taps: An even number of filter values.
    """

    def __init__(self, taps: Sequence[float] = BINOMIAL) -> None:
        super().__init__(taps, padding=len(taps) // 2 - 1, gain=4.0)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, 2 H, 2 W)``."""
        return conv_transpose2d(images, self._weight(images), stride=2, padding=self.padding, groups=images.shape[1])
