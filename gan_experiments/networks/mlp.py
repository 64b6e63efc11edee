"""Fully connected networks, for points and for images of any size (Goodfellow et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from gan_experiments.contracts import Discriminator, Generator
from gan_experiments.types import DataFacts, PositiveInt


class MLPGenerator(Generator):
    """Latents to images through fully connected layers with ReLU; tanh at the end.

    Args:
        facts: Size and channels of the images.
        latent_dim: Length of a latent vector.
        hidden: Units of each hidden layer, from the latent on.
    """

    def __init__(self, facts: DataFacts, latent_dim: PositiveInt = 100, hidden: Sequence[int] = (256,)) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        widths = [latent_dim, *hidden]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU(inplace=True)]
        shape = (facts.channels, facts.image_size, facts.image_size)
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], _size(facts)), nn.Tanh(), nn.Unflatten(1, shape))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` to ``(B, C, H, W)`` in [-1, 1]; labels are not used."""
        images: Tensor = self.layers(latents)
        return images

    def style_weight(self) -> Tensor:
        """Return the weight of the first layer: ``(F, latent_dim)``."""
        weight: Tensor = self.layers[0].weight  # type: ignore[assignment]
        return weight


class MLPDiscriminator(Discriminator):
    """Images to one logit each through fully connected layers with LeakyReLU(0.2).

    Args:
        facts: Size and channels of the images.
        hidden: Units of each hidden layer, from the image on.
    """

    def __init__(self, facts: DataFacts, hidden: Sequence[int] = (256,)) -> None:
        super().__init__(facts)
        widths = [_size(facts), *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], 1)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the last hidden layer, ``(B, hidden[-1])``; labels are not used."""
        features: Tensor = self.layers(images)
        return features

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` in [-1, 1] to logits ``(B,)``; labels are not used."""
        logits: Tensor = self.head(self.features(images)).squeeze(1)
        return logits


def _size(facts: DataFacts) -> int:
    return facts.channels * facts.image_size**2
