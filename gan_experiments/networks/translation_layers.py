"""Layers of translators: normalization, blurred resampling, noise by dropout, and initial weights."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, group_norm, pad

from gan_experiments.core.randomness import Stream
from gan_experiments.networks.layers import NORMAL, draw_weights

Norm = Literal["batch", "instance", "none"]
_KEEP = 0.5  # of the values of a map that dropout keeps


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Return a normalization: batch norm with a learned gain and shift, instance norm without, or none."""
    kinds = {"batch": nn.BatchNorm2d, "instance": InstanceNorm}
    return kinds[norm](channels) if norm in kinds else nn.Identity()


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm without weights; on the CPU as groups of one channel, which are computed several times faster."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to maps of mean 0 and variance 1."""
        return group_norm(maps, self.num_features, eps=self.eps) if maps.device.type == "cpu" else super().forward(maps)


def dropout(maps: Tensor, rng: Stream) -> Tensor:
    """Drop half of the values ``(B, C, H, W)`` and double the others; which ones, ``rng`` says."""
    kept = rng.uniform(*maps.shape) < _KEEP
    return maps * kept.to(maps.dtype).div_(_KEEP)


def initialize(network: nn.Module, init: Literal["normal", "xavier"]) -> None:
    """Draw weights from N(0, 0.02) or by Xavier's rule with a gain of 0.02, gains of batch norms from N(1, 0.02)."""
    draw_weights(network, NORMAL if init == "normal" else partial(nn.init.xavier_normal_, gain=0.02), gains=True)


class BlurDownsample(nn.Module):
    """Halves height and width behind the filter [1, 2, 1] (Zhang 2019, shift-invariant networks)."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to half the height and width, rounded up."""
        return _filtered(pad(maps, (1, 1, 1, 1), mode="reflect"), (1.0, 2.0, 1.0), up=False)


class BlurUpsample(nn.Module):
    """Doubles height and width, with the filter [1, 3, 3, 1] between the pixels."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to twice the height and width."""
        return _filtered(pad(maps, (1, 1, 1, 1), mode="replicate"), (1.0, 3.0, 3.0, 1.0), up=True)


def _filtered(padded: Tensor, taps: tuple[float, ...], up: bool) -> Tensor:
    channels, line = padded.shape[1], torch.tensor(taps, dtype=padded.dtype, device=padded.device)
    kernel = torch.outer(line, line)
    kernel = (kernel / kernel.sum() * (4 if up else 1)).expand(channels, 1, -1, -1)
    if not up:
        return conv2d(padded, kernel, stride=2, groups=channels)
    return conv_transpose2d(padded, kernel, stride=2, padding=2, groups=channels)[:, :, 1:-1, 1:-1]
