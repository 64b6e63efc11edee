"""Deblurring: sharp images from blurred ones."""

from __future__ import annotations

import math

from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts, PositiveFloat
from gan_experiments.data.tasks.base import Task, as_stored

_REACH = 3  # standard deviations that the kernel extends to either side


class Deblur(Task):
    """The inputs are images behind a Gaussian filter.

    Args:
        sigma: Its standard deviation, in pixels.
    """

    def __init__(self, sigma: PositiveFloat = 1.5) -> None:
        self.sigma = sigma

    def __call__(self, images: Tensor, rng: Stream) -> Tensor:
        """Return blurred images ``(B, C, H, W)``, which are reflected at the border."""
        blurred: Tensor = gaussian_blur(images.float(), [2 * self._reach + 1] * 2, [self.sigma] * 2)
        return as_stored(blurred, images)

    def refuse(self, facts: DataFacts) -> None:
        """Refuse images smaller than the filter.

        Raises:
            ConfigError: Says how small.
        """
        if self._reach >= facts.shorter_side:
            text = f"{self.sigma:g} blurs over {self._reach} pixels to either side"
            raise ConfigError(f"task.sigma: {text}; {facts.name} has {facts.shorter_side}")

    @property
    def _reach(self) -> int:
        return math.ceil(_REACH * self.sigma)
