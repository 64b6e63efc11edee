"""Features of a network that has learned nothing: for images without labels, and the same for everybody."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.images import to_float
from gan_experiments.core.types import NonNegativeInt, PositiveInt
from gan_experiments.metrics.extractors.base import Extractor, ImageSource, hash_weights
from gan_experiments.metrics.extractors.classifier import Classifier


class RandomNetwork(Extractor):
    """A convolutional network with fixed random weights; it has no classes, so there is no Inception Score.

    Distances in its features tell blur and noise, and little about what is in an image.

    Args:
        width: Channels of the first layer; there are four times as many features.
        seed: Of the weights.
    """

    def __init__(self, width: PositiveInt = 16, seed: NonNegativeInt = 0) -> None:
        super().__init__()
        self.name = "random"
        self.num_features = 4 * width
        self._width = width
        self._seed = seed
        self._network: Classifier | None = None

    @torch.inference_mode(False)  # evaluation may be what asks for it
    def prepare(self, data: ImageSource) -> None:
        """Draw the weights, in the shapes that the images ask for; a second call does nothing."""
        if self._network is None:
            network = Classifier(data.facts, self._width, "random network", self._seed)
            self._network = network.eval().requires_grad_(False)
            self.weight_hash = hash_weights(network.features.state_dict())

    def forward(self, images: Tensor) -> tuple[Tensor, None]:
        """Map uint8 ``(B, C, H, W)`` to features ``(B, 4 * width)``."""
        if self._network is None:
            raise RuntimeError("prepare(data) comes before the first image")
        return self._network.features(to_float(images)), None
