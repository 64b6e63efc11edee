"""Instance noise: decaying Gaussian noise on reals and fakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Augmentation
from gan_experiments.core.randomness import Stream
from gan_experiments.core.rules import check_within_run
from gan_experiments.core.types import PositiveFloat, PositiveInt


class InstanceNoise(Augmentation):
    """Gaussian noise on reals and fakes, so that their supports overlap (Sonderby et al. 2016; Arjovsky & Bottou 2017).

    Args:
        sigma: Initial standard deviation, for images in [-1, 1].
        images: Images seen until it has decayed linearly to 0.
    """

    def __init__(self, sigma: PositiveFloat = 0.1, images: PositiveInt = 500_000) -> None:
        super().__init__()
        self.sigma = sigma
        self.images = images

    def forward(self, images: Tensor, rng: Stream, images_seen: int) -> Tensor:
        """Return images ``(B, C, H, W)`` plus noise; the images themselves after the decay."""
        sigma = self.sigma * (1 - images_seen / self.images)
        if sigma <= 0:
            return images
        batch, *shape = images.shape
        return images + sigma * rng.normal(batch, *shape).to(images.dtype)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Warn of noise that the run ends with."""
        yield from super().check(key, options, config)
        yield from check_within_run(key, "images", "the noise does not decay to 0", config)
