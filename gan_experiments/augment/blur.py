"""Blur: a decaying Gaussian blur of reals and fakes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
from annotated_types import Interval
from torch import Tensor
from torch.nn.functional import conv2d

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Augmentation
from gan_experiments.core.precision import in_float32, without_autocast
from gan_experiments.core.randomness import Stream
from gan_experiments.core.rules import check_within_run, image_size, option
from gan_experiments.core.types import PositiveInt

_REACH = 3  # half the length of the filter, in sigma


class Blur(Augmentation):
    """A Gaussian blur of reals and fakes, so that a discriminator does not begin with details (Karras et al. 2021).

    Section 3.2 and the code of StyleGAN3-R: ``exp2(-(x / sigma)^2)``, with zeros around the image.

    Args:
        sigma: Initial width in pixels.
        images: Images seen until it has decayed linearly to 0.
    """

    def __init__(self, sigma: Annotated[float, Interval(gt=0, le=100)] = 10.0, images: PositiveInt = 200_000) -> None:
        super().__init__()
        self.sigma = sigma
        self.images = images

    def forward(self, images: Tensor, rng: Stream, images_seen: int) -> Tensor:
        """Return blurred images ``(B, C, H, W)``; the images themselves once the filter is narrower than a pixel."""
        sigma = self.sigma * (1 - images_seen / self.images)
        reach = math.floor(_REACH * sigma)
        if reach <= 0:
            return images
        line = torch.exp2(-(torch.arange(-reach, reach + 1, device=images.device) / sigma).square())
        values, channels = in_float32(images), images.shape[1]
        line = (line / line.sum()).to(values.dtype)
        with without_autocast(images.device):
            values = conv2d(values, line.view(-1, 1).expand(channels, 1, -1, -1), padding=(reach, 0), groups=channels)
            values = conv2d(values, line.expand(channels, 1, 1, -1), padding=(0, reach), groups=channels)
        return values.to(images.dtype)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Warn of a blur that the run ends with, and of one so wide that it leaves little of an image."""
        yield from super().check(key, options, config)
        yield from check_within_run(key, "images", "the blur does not decay to 0", config)
        sigma, size = option(config, key, "sigma"), image_size(config)
        if isinstance(sigma, int | float) and size is not None and _REACH * sigma > size / 2:
            text = f"the filter reaches {_REACH * sigma:g} pixels, more than half of the {size} of an image"
            advice = f"which is nearly grey at first; take at most {math.floor(size / 2 / _REACH * 10) / 10}"
            yield Problem(f"{key}.sigma", f"{text}, {advice}", warning=True)
