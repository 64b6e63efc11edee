"""Images from their edges."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import PositiveFloat
from gan_experiments.data.tasks.base import Task, as_stored

_SOBEL = torch.tensor([[1.0, 2.0, 1.0], [0.0, 0.0, 0.0], [-1.0, -2.0, -1.0]]) / 8  # a step of one gives 1/2


class Edges(Task):
    """The inputs are the edges of the images, white on black in all channels: the length of the Sobel gradient.

    Args:
        gain: Factor of the gradient's length; white from the largest level on.
    """

    def __init__(self, gain: PositiveFloat = 2.0) -> None:
        self.gain = gain

    def __call__(self, images: Tensor, rng: Stream) -> Tensor:
        """Return the edges of images ``(B, C, H, W)``."""
        grey = pad(images.float().mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        kernels = torch.stack([_SOBEL, _SOBEL.T])[:, None].to(images.device)
        length = conv2d(grey, kernels).square().sum(1, keepdim=True).sqrt()
        return as_stored(self.gain * length, images).expand_as(images).contiguous()
