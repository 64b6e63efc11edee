"""Fully connected networks for points and images of any size (Goodfellow et al. 2014)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal

from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.rules import option
from gan_experiments.core.types import DataFacts, Packing, PositiveFloat, Share, Width
from gan_experiments.networks.conditioning import (
    ConditionalDiscriminator,
    Conditioning,
    LayeredGenerator,
    with_one_hot,
)
from gan_experiments.networks.layers import NORMAL, draw_weights
from gan_experiments.networks.minibatch import Minibatch
from gan_experiments.networks.virtual_batch_norm import VirtualBatchNorm

_PIECES = 5  # of maxout; Lin et al. 2018
Init = Literal["default", "normal", "orthogonal"]


class MLPGenerator(LayeredGenerator):
    """Latents to images through fully connected layers with ReLU or tanh.

    If conditional, the one-hot class is appended to the latent (Mirza & Osindero 2014).

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector.
        hidden: Units of each hidden layer, starting at the latent.
        norm: Normalization of every hidden layer, before its activation; ``virtual``: by a fixed reference batch
            (Salimans 2016).
        output: What the last layer ends with: tanh, or nothing, so that images and points are not bounded.
        conditional: Whether it generates images of a given class.
        activation: Of hidden layers.
        init: Initial weights: torch's; normal with deviation 0.02 (the code of Lin et al. 2018); or orthogonal times
            1.4 (that of Metz et al. 2017); in both, biases are 0.
        output_scale: Factor of the output. With less than 1 the networks work at a larger scale than the images have:
            0.2, and ``input_scale=5`` of the discriminator, for points that a paper has within 4 and not within 0.8.

    Raises:
        ConfigError: The images have no labels to condition on.
    """

    side_multiple = 1

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 100,
        hidden: Sequence[Width] = (256,),
        norm: Literal["batch", "virtual", "none"] = "none",
        output: Literal["tanh", "linear"] = "tanh",
        conditional: bool = False,
        activation: Literal["relu", "tanh"] = "relu",
        init: Init = "default",
        output_scale: Share = 1.0,
    ) -> None:
        super().__init__(facts, latent_dim, conditional)
        widths = [self.input_dim, *hidden]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            layers.append(nn.Linear(fan_in, fan_out))
            layers += [nn.BatchNorm1d(fan_out)] if norm == "batch" else []
            layers += [VirtualBatchNorm(fan_out)] if norm == "virtual" else []
            layers.append(nn.Tanh() if activation == "tanh" else nn.ReLU(inplace=True))
        layers.append(nn.Linear(widths[-1], math.prod(facts.shape)))
        layers += [nn.Tanh()] if output == "tanh" else []
        layers += [_Scaled(output_scale)] if output_scale != 1 else []
        self.bounded = output == "tanh"
        self.layers = nn.Sequential(*layers, nn.Unflatten(1, facts.shape))
        _initialize(self, init)
        if norm == "virtual":
            self.use_reference()

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse batch norm of the vectors of one latent, which has no deviation to divide by."""
        yield from super().check(key, options, config)
        if option(config, key, "norm") == "batch" and option(config, key, "hidden") and config.get("batch_size") == 1:
            yield Problem("batch_size", f"{key}.norm=batch needs at least 2 images; take 2, or {key}.norm=none")


class MLPDiscriminator(ConditionalDiscriminator):
    """Images to logits through fully connected layers with LeakyReLU(0.2), maxout or tanh.

    Args:
        facts: Size, channels and classes of the images.
        hidden: Units of each hidden layer, starting at the image.
        conditioning: How it uses labels.
        input_scale: Factor of the images before the first layer. Points need more than 1: with the usual initialization
            a network of inputs in [-1, 1] is smooth, and learns to tell points that are 0.01 apart very slowly.
        activation: LeakyReLU(0.2), the largest of five linear functions (maxout, Goodfellow et al. 2013), or tanh.
        packing: Images that it sees at a time (Lin et al. 2018, PacGAN).
        minibatch: What the output depends on of the other images of the batch.
        init: Initial weights, as of :class:`MLPGenerator`.

    Raises:
        ConfigError: The images have no labels to condition on.
    """

    side_multiple = 1

    def __init__(
        self,
        facts: DataFacts,
        hidden: Sequence[Width] = (256,),
        conditioning: Conditioning = "none",
        input_scale: PositiveFloat = 1.0,
        activation: Literal["leaky_relu", "maxout", "tanh"] = "leaky_relu",
        packing: Packing = 1,
        minibatch: Minibatch = "none",
        init: Init = "default",
    ) -> None:
        super().__init__(facts, conditioning, packing, minibatch)
        self.input_scale = input_scale
        widths = [self.input_channels * facts.height * facts.width + self.seen_classes, *hidden]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            if activation == "maxout":
                layers.append(Maxout(fan_in, fan_out))
            else:
                bent = nn.Tanh() if activation == "tanh" else nn.LeakyReLU(0.2, inplace=True)
                layers += [nn.Linear(fan_in, fan_out), bent]
        self.layers = nn.Sequential(*layers)
        self.add_heads(widths[-1])
        _initialize(self, init)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the last hidden layer, ``(B, hidden[-1])``; concatenation uses labels ``(B,)``."""
        pixels = self.packed(images).flatten(1)
        scaled = pixels * self.input_scale if self.input_scale != 1 else pixels
        features: Tensor = self.layers(with_one_hot(scaled, labels, self.seen_classes))
        return features


class _Scaled(nn.Module):
    """A constant times its input."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, input: Tensor) -> Tensor:
        return input * self.factor


class Maxout(nn.Linear):
    """The largest of ``pieces`` linear functions of the input, for each unit (Goodfellow et al. 2013, eq. 1)."""

    def __init__(self, fan_in: int, fan_out: int, pieces: int = _PIECES) -> None:
        super().__init__(fan_in, fan_out * pieces)
        self.pieces = pieces

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(B, fan_in)`` to ``(B, fan_out)``."""
        # The backward of amax looks for ties, in seven passes over all pieces.
        return super().forward(input).view(len(input), -1, self.pieces).max(dim=2).values


def _initialize(network: nn.Module, init: Init) -> None:
    """Initialize the linear layers, as the options of :class:`MLPGenerator` say."""
    if init != "default":
        draw_weights(network, partial(nn.init.orthogonal_, gain=1.4) if init == "orthogonal" else NORMAL)
