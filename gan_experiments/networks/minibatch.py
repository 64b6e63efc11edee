"""Layers that show a discriminator how much the images of a batch differ, so that it sees a collapse.

Shapes: B samples, F features, K kernels, D length of what a kernel compares.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from gan_experiments.core.distributed import gathered
from gan_experiments.core.network_rules import largest_group

Minibatch = Literal["none", "deviation", "discrimination"]

GROUP = 4  # of the deviation; Karras et al. 2018
_KERNELS, _LENGTH = 100, 5  # Salimans et al. 2016, the authors' code
_EPSILON = 1e-8


class MinibatchStd(nn.Module):
    """Minibatch standard deviation: a channel with the deviation within a group (Karras et al. 2018, section 3).

    Groups are consecutive samples of the batch, of ``group_size`` or the next smaller divisor of the batch size.

    Args:
        group_size: Images in a group.
    """

    def __init__(self, group_size: int = GROUP) -> None:
        super().__init__()
        self.couples_batch = group_size
        self.group_size = group_size

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C + 1, H, W)``: the standard deviation, averaged over C, H and W.

        Map features ``(B, F)`` to ``(B, F + 1)``.
        """
        batch = len(images)
        size = largest_group(batch, self.group_size)
        groups = images.reshape(batch // size, size, -1)
        deviation = (groups.var(dim=1, correction=0) + _EPSILON).sqrt().mean(dim=1)
        channel = deviation.repeat_interleave(size, output_size=batch).to(images.dtype)
        spatial = images.shape[2:]
        return torch.cat([images, channel.view(-1, *[1] * (images.ndim - 1)).expand(-1, -1, *spatial)], dim=1)


class MinibatchDiscrimination(nn.Module):
    """Features of how close each sample is to the others of its batch (Salimans et al. 2016, section 3.2).

    ``o_k(x_i) = sum_{j != i} exp(-||M_ik - M_jk||_1)`` for vectors ``M_ik`` that are linear in the features of ``x_i``.
    In training the batch is that of all processes. The paper's sum includes ``j = i``, which adds 1 to all.

    Args:
        num_features: Length of a feature vector.
        kernels: Number of vectors per sample, and of features that are added.
        length: Length of a vector.
    """

    couples_batch: ClassVar[bool] = True

    def __init__(self, num_features: int, kernels: int = _KERNELS, length: int = _LENGTH) -> None:
        super().__init__()
        self.kernels = kernels
        self.project = nn.Linear(num_features, kernels * length, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(B, F)`` to ``(B, F + K)``."""
        vectors = self.project(features).view(len(features), self.kernels, -1)  # (B, K, D)
        others = gathered(vectors) if self.training else vectors  # one process may evaluate by itself
        distances = (vectors[:, None] - others[None]).abs().sum(dim=3)  # (B, processes * B, K)
        return torch.cat([features, (-distances).exp().sum(dim=1) - 1], dim=1)


def minibatch_layer(kind: Minibatch, num_features: int) -> tuple[nn.Module | None, int]:
    """Return the layer that appends to features ``(B, F)``, if any, and how many features it appends."""
    if kind == "discrimination":
        return MinibatchDiscrimination(num_features), _KERNELS
    return (MinibatchStd(), 1) if kind == "deviation" else (None, 0)
