"""Denoising: images from noisy ones."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import pad

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import PositiveFloat
from gan_experiments.data.tasks.base import Task, as_stored, grey_level


class Denoise(Task):
    """The inputs are images with Gaussian noise, drawn anew whenever an image is shown, rounded and clipped.

    Args:
        sigma: Standard deviation of the noise, in grey levels of 255.
    """

    classical_name: ClassVar[str] = "median filter"

    def __init__(self, sigma: PositiveFloat = 50.0) -> None:
        self.sigma = sigma

    def __call__(self, images: Tensor, rng: Stream) -> Tensor:
        """Return noisy images ``(B, C, H, W)``."""
        noise = self.sigma * grey_level(images) * rng.normal(*images.shape)
        return as_stored(images.float() + noise, images)

    def classical(self, inputs: Tensor) -> Tensor:
        """Return the median of the 3x3 pixels around each, at the border of those that there are by reflection."""
        padded = pad(inputs.float(), (1, 1, 1, 1), mode="reflect")
        around = padded.unfold(2, 3, 1).unfold(3, 3, 1).flatten(-2)  # (B, C, H, W, 9)
        return as_stored(around.median(-1).values, inputs)
