"""Encoders of variational autoencoders: images to a Gaussian over latents (Kingma & Welling 2014)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from gan_experiments.core.contracts import Encoder
from gan_experiments.core.types import DataFacts, Width

_SMALLEST = 4  # pixels; smaller feature maps are not halved


class DCGANEncoder(Encoder):
    """The convolutions of DCGAN's discriminator (Radford, Metz & Chintala 2015), then one linear layer.

    4x4 convolutions of stride 2 with LeakyReLU(0.2), while the feature maps have an even size above 4 pixels.

    Args:
        facts: Size and channels of the images.
        latent_dim: Length of a latent vector.
        channels: Channels of the layer nearest the image; they double with every halving of the size.
        norm: Normalization after every convolution but the first.
    """

    side_multiple = 1

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width,
        channels: Width = 64,
        norm: Literal["batch", "none"] = "batch",
    ) -> None:
        super().__init__(facts, latent_dim)
        layers: list[nn.Module] = []
        width, sides = facts.channels, facts.shape[1:]
        while all(side % 2 == 0 and side > _SMALLEST for side in sides):
            wider, normalized = width * 2 if layers else channels, norm == "batch" and bool(layers)
            layers.append(nn.Conv2d(width, wider, 4, stride=2, padding=1, bias=not normalized))
            layers += [nn.BatchNorm2d(wider)] * normalized + [nn.LeakyReLU(0.2, inplace=True)]
            width, sides = wider, (sides[0] // 2, sides[1] // 2)
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * math.prod(sides), 2 * latent_dim))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, C, H, W)`` in [-1, 1] to mean and logarithm of the variance, each ``(B, latent_dim)``."""
        mean, log_variance = self.layers(images).chunk(2, dim=1)
        return mean, log_variance


class MLPEncoder(Encoder):
    """Fully connected layers with ReLU, for images of any size and for points.

    Args:
        facts: Size and channels of the images.
        latent_dim: Length of a latent vector.
        hidden: Units of each hidden layer, starting at the image.
    """

    side_multiple = 1

    def __init__(self, facts: DataFacts, latent_dim: Width, hidden: Sequence[Width] = (500,)) -> None:
        super().__init__(facts, latent_dim)
        widths = [math.prod(facts.shape), *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], 2 * latent_dim))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, C, H, W)`` in [-1, 1] to mean and logarithm of the variance, each ``(B, latent_dim)``."""
        mean, log_variance = self.layers(images).chunk(2, dim=1)
        return mean, log_variance
