"""Fully connected networks for points and images of any size (Goodfellow et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from gan_experiments.core.types import DataFacts, PositiveFloat, Width
from gan_experiments.networks.conditioning import (
    ConditionalDiscriminator,
    Conditioning,
    LayeredGenerator,
    with_one_hot,
)


class MLPGenerator(LayeredGenerator):
    """Latents to images through fully connected layers with ReLU; tanh at the end.

    If conditional, the one-hot class is appended to the latent (Mirza & Osindero 2014).

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector.
        hidden: Units of each hidden layer, starting at the latent.
        conditional: Whether it generates images of a given class.

    Raises:
        ConfigError: The images have no labels to condition on.
    """

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 100,
        hidden: Sequence[Width] = (256,),
        conditional: bool = False,
    ) -> None:
        super().__init__(facts, latent_dim, conditional)
        widths = [self.input_dim, *hidden]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU(inplace=True)]
        shape = (facts.channels, facts.image_size, facts.image_size)
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], _size(facts)), nn.Tanh(), nn.Unflatten(1, shape))


class MLPDiscriminator(ConditionalDiscriminator):
    """Images to logits through fully connected layers with LeakyReLU(0.2).

    Args:
        facts: Size, channels and classes of the images.
        hidden: Units of each hidden layer, starting at the image.
        conditioning: How it uses labels.
        input_scale: Factor of the images before the first layer. Points need more than 1: with the usual initialization
            a network of inputs in [-1, 1] is smooth, and learns to tell points that are 0.01 apart very slowly.

    Raises:
        ConfigError: The images have no labels to condition on.
    """

    def __init__(
        self,
        facts: DataFacts,
        hidden: Sequence[Width] = (256,),
        conditioning: Conditioning = "none",
        input_scale: PositiveFloat = 1.0,
    ) -> None:
        super().__init__(facts, conditioning)
        self.input_scale = input_scale
        widths = [_size(facts) + self.seen_classes, *hidden]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.add_heads(widths[-1])

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the last hidden layer, ``(B, hidden[-1])``; concatenation uses labels ``(B,)``."""
        scaled = images.flatten(1) * self.input_scale if self.input_scale != 1 else images.flatten(1)
        features: Tensor = self.layers(with_one_hot(scaled, labels, self.seen_classes))
        return features


def _size(facts: DataFacts) -> int:
    return facts.channels * facts.image_size**2
