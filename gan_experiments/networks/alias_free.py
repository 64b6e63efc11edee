"""Alias-free layers (Karras et al. 2021, "Alias-free generative adversarial networks").

B: batch, C: channels, H, W: height and width, D: length of a style, K: number of filter taps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pad

from gan_experiments.core.distributed import mean_over_processes
from gan_experiments.core.precision import in_float32, without_autocast
from gan_experiments.networks.block import Block
from gan_experiments.networks.style_blocks import ToImage
from gan_experiments.networks.style_layers import EqualizedLinear, ModulatedConv2d, activation

_TAPS = 6  # of a filter, per sample of the lower one of its two rates
_OVERSAMPLING = 2  # of the nonlinearity, over the higher one of the rates around it


class Band(NamedTuple):
    """The signal that feature maps sample (Karras et al. 2021, section 3.2); frequencies are cycles per image.

    Attributes:
        rate: Samples per image, s.
        cutoff: Cutoff frequency, f_c.
        half_width: Half the width of the transition band of its filter, f_h.
        size: Height and width of the maps, with the margin around the image.
        channels: Number of maps.
    """

    rate: int
    cutoff: float
    half_width: float
    size: int
    channels: int


def low_pass(taps: int, band: Band, rate: int, radial: bool = False) -> Tensor:
    """Return a low-pass filter with a Kaiser window for the cutoff and the transition band of ``band``: sums to 1.

    Karras et al. 2021, appendix C.1: a sinc, ``(K,)``, or rotationally symmetric a jinc, ``(K, K)``.

    Args:
        taps: Even.
        band: What passes.
        rate: Samples per image of the signal that is filtered.
        radial: Whether it is rotationally symmetric.
    """
    from scipy import signal, special

    if not radial:
        line = signal.firwin(taps, band.cutoff, width=2 * band.half_width, fs=rate)
        return torch.as_tensor(line, dtype=torch.get_default_dtype())
    times = (np.arange(taps) - (taps - 1) / 2) / rate
    radius = np.hypot(times[:, None], times)
    jinc = special.j1(2 * np.pi * band.cutoff * radius) / (np.pi * radius)
    window = np.kaiser(taps, signal.kaiser_beta(signal.kaiser_atten(taps, 4 * band.half_width / rate)))
    kernel = jinc * np.outer(window, window)
    return torch.as_tensor(kernel / kernel.sum(), dtype=torch.get_default_dtype())


class FilteredActivation(nn.Module):
    """LeakyReLU of the continuous signal: upsample, activate, remove what the next layer cannot hold, downsample.

    Karras et al. 2021, section 3.2: ``(B, C, H, W)`` to ``(B, C, size, size)``.

    Args:
        before: The signal that comes in.
        after: The signal that goes out.
        size: Height and width of the maps that come in.
        radial: Whether the filter of the downsampling is rotationally symmetric.
    """

    up_filter: Tensor
    down_filter: Tensor

    def __init__(self, before: Band, after: Band, size: int, radial: bool) -> None:
        super().__init__()
        rate = _OVERSAMPLING * max(before.rate, after.rate)
        self.up, self.down = rate // before.rate, rate // after.rate
        self.register_buffer("up_filter", low_pass(_TAPS * self.up, before, rate), persistent=False)
        self.register_buffer("down_filter", low_pass(_TAPS * self.down, after, rate, radial), persistent=False)
        taps = len(self.up_filter)
        needed = (after.size - 1) * self.down + len(self.down_filter)  # pixels between the filters
        padding = needed + taps - 1 - size * self.up  # of the maps with zeros between their pixels
        low = (padding + self.up) // 2  # keeps the centres of both pixel grids together (appendix C.3)
        first = taps - 1 - low  # of what the transposed convolution returns
        self._crop = (-first, needed + first - ((size - 1) * self.up + taps))

    def forward(self, maps: Tensor) -> Tensor:
        """Filter maps ``(B, C, H, W)``."""
        channels, line = maps.shape[1], self.up * self.up_filter.to(maps.dtype)
        column, row = (line.reshape(shape).expand(channels, 1, -1, -1) for shape in ((-1, 1), (1, -1)))
        maps = pad(conv_transpose2d(maps, column, stride=(self.up, 1), groups=channels), (0, 0, *self._crop))
        maps = pad(conv_transpose2d(maps, row, stride=(1, self.up), groups=channels), self._crop)
        maps, kernel = activation(maps), self.down_filter.to(maps.dtype)
        if kernel.ndim == 2:
            return conv2d(maps, kernel.expand(channels, 1, -1, -1), stride=self.down, groups=channels)
        column, row = (kernel.reshape(shape).expand(channels, 1, -1, -1) for shape in ((-1, 1), (1, -1)))
        maps = conv2d(maps, column, stride=(self.down, 1), groups=channels)
        return conv2d(maps, row, stride=(1, self.down), groups=channels)


class UnitMagnitude(nn.Module):
    """Divides by the root of a moving average of the mean square of what comes in (Karras et al. 2021, appendix D.1).

    Training passes update the average after it is used, so that an image does not depend on the others of its batch.

    Args:
        decay: Of the average, per batch.
    """

    mean_square: Tensor

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("mean_square", torch.ones(()))

    def forward(self, maps: Tensor) -> Tensor:
        """Return scaled maps ``(B, C, H, W)``."""
        scaled = maps * self.mean_square.rsqrt().to(maps.dtype)
        if self.training:
            with torch.no_grad(), without_autocast(maps.device):
                square = mean_over_processes(in_float32(maps.detach()).square().mean())
                self.mean_square.lerp_(square.to(self.mean_square.dtype), 1 - self.decay)
        return scaled


class AliasFreeLayer(Block):
    """A modulated convolution with a margin, a bias and the filtered nonlinearity (Karras et al. 2021, figure 4).

    Args:
        before: The signal that comes in.
        after: The signal that goes out.
        style_dim: Length of a style.
        kernel_size: Of the convolution: 3, or 1 for equivariance to rotation.
        radial: Whether the filter of the downsampling is rotationally symmetric.
        decay: Of the average magnitude of the input, per batch.
    """

    def __init__(self, before: Band, after: Band, style_dim: int, kernel_size: int, radial: bool, decay: float) -> None:
        super().__init__()
        self.magnitude = UnitMagnitude(decay)
        margin = kernel_size - 1  # keeps all that the kernel touches; the nonlinearity crops
        self.convolution = ModulatedConv2d(before.channels, after.channels, kernel_size, style_dim, padding=margin)
        self.bias = nn.Parameter(torch.zeros(after.channels))
        self.nonlinearity = FilteredActivation(before, after, before.size + margin, radial)

    def forward(self, maps: Tensor, styles: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` and styles ``(B, D)`` to the next layer."""
        maps = self.convolution(self.magnitude(maps), styles)
        filtered: Tensor = self.nonlinearity(maps + self.bias.to(maps.dtype)[:, None, None])
        return filtered


class ImageLayer(Block):
    """The last layer: a modulated 1x1 convolution to the channels of images.

    Args:
        before: The signal that comes in.
        channels: Of images.
        style_dim: Length of a style.
        decay: Of the average magnitude of the input, per batch.
    """

    def __init__(self, before: Band, channels: int, style_dim: int, decay: float) -> None:
        super().__init__()
        self.magnitude = UnitMagnitude(decay)
        self.to_image = ToImage(before.channels, channels, style_dim)

    def forward(self, maps: Tensor, styles: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` and styles ``(B, D)`` to images, at least in float32."""
        images: Tensor = self.to_image(self.magnitude(maps), styles)
        return images


class FourierInput(nn.Module):
    """Sines of random frequencies on a grid that the style turns and shifts, mixed (Karras et al. 2021, section 3.1).

    Args:
        band: The signal that goes out.
        style_dim: Length of a style.
    """

    frequencies: Tensor
    phases: Tensor
    grid: Tensor

    def __init__(self, band: Band, style_dim: int) -> None:
        super().__init__()
        directions = torch.randn(band.channels, 2)
        radii = directions.norm(dim=1, keepdim=True)
        # Uniform in a disc of radius f_c: exp(-r^2 / 2) of normal vectors is uniform, and its root is a radius.
        self.register_buffer("frequencies", band.cutoff * directions / (radii * radii.square().exp().pow(0.25)))
        self.register_buffer("phases", torch.rand(band.channels) - 0.5)
        self.weight = nn.Parameter(torch.randn(band.channels, band.channels))
        self.affine = EqualizedLinear(style_dim, 4)
        nn.init.zeros_(self.affine.weight)
        with torch.no_grad():
            self.affine.bias[0] = 1.0
        line = (torch.arange(band.size) + 0.5 - band.size / 2) / band.rate
        grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=2)
        self.register_buffer("grid", grid, persistent=False)  # x and y of each pixel, the middle of the image at 0
        self.cutoff, self.stop = band.cutoff, band.rate / 2

    def forward(self, styles: Tensor, transform: Tensor | None = None) -> Tensor:
        """Map styles ``(B, D)`` to maps ``(B, C, H, W)`` in float32.

        Args:
            styles: Of this layer.
            transform: Where the content at each position comes from, ``(3, 3)`` or ``(B, 3, 3)``; ``None``: from there.
        """
        with without_autocast(styles.device):
            frequencies, phases = self._moved(in_float32(styles), transform)
            # What a transform has moved beyond the band is faded out.
            amplitudes = (1 - (frequencies.norm(dim=2) - self.cutoff) / (self.stop - self.cutoff)).clamp(0, 1)
            angles = torch.einsum("hwx,bcx->bhwc", self.grid, frequencies) + phases[:, None, None]
            waves = torch.sin(2 * math.pi * angles) * amplitudes[:, None, None]
            maps: Tensor = waves @ (self.weight / math.sqrt(len(self.weight))).T
            return maps.permute(0, 3, 1, 2)

    def _moved(self, styles: Tensor, transform: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return frequencies ``(B, C, 2)`` and phases ``(B, C)`` of the grid shifted, then turned, by the styles."""
        pose = self.affine(styles)  # cosine, sine, shift along x and y
        cosine, sine, *shift = (pose / pose[:, :2].norm(dim=1, keepdim=True)).unbind(1)
        turn = torch.stack([cosine, -sine, sine, cosine], dim=1).reshape(-1, 2, 2)
        offset = -torch.stack(shift, dim=1)[:, :, None]
        if transform is not None:
            offset = offset + transform[..., :2, 2:]
            turned = turn @ transform[..., :2, :2]
        else:
            turned = turn
        return self.frequencies @ turned, self.phases + (self.frequencies @ (turn @ offset)).squeeze(2)
