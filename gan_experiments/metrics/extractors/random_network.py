"""Features of a small network with fixed random weights, for images without labels."""

from __future__ import annotations

from torch import Tensor

from gan_experiments.core.images import to_float
from gan_experiments.core.types import NonNegativeInt
from gan_experiments.core.weights import hash_weights
from gan_experiments.metrics.classifier import Classifier, ClassifierWidth
from gan_experiments.metrics.extractors.base import Extractor, ImageSource


class RandomNetwork(Extractor):
    """Pooled features of a convolutional network with random weights; without classes, so without Inception Score.

    Distances in its features are sensitive to blur and noise, and hardly to the content of images.

    Args:
        width: Channels of the first layer; there are four times as many features.
        seed: Seed of the weights.
    """

    def __init__(self, width: ClassifierWidth = 16, seed: NonNegativeInt = 0) -> None:
        super().__init__()
        self.name = "random"
        self.num_features = 4 * width
        self._width = width
        self._seed = seed

    def load(self, data: ImageSource) -> None:
        """Draw the weights, in shapes that fit the images."""
        network = Classifier(data.facts, self._width, "random network", self._seed)
        self._network = network.eval().requires_grad_(False)
        self.weight_hash = hash_weights(network.features.state_dict())

    def forward(self, images: Tensor) -> tuple[Tensor, None]:
        """Map uint8 ``(B, C, H, W)`` to features ``(B, 4 * width)``."""
        return self.network.features(to_float(images)), None
