"""Features of torchvision's ImageNet classifiers (ResNet, VGG, ViT ...)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
import torchvision
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models import get_model, get_model_weights, list_models

from gan_experiments.core.images import to_eight_bits
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.core.weights import find_weights, hash_weights, read_weights, refuse_other_weights
from gan_experiments.metrics.extractors.base import Extractor, ImageSource


class TorchvisionClassifier(Extractor):
    """Features of any classifier of torchvision that ends in a linear layer: the input of that layer.

    Images are resized, antialiased, to the size that the weights were published for. Grey images are repeated in three
    channels.

    Args:
        model: Name in ``torchvision.models``: ``resnet50``, ``vgg16``, ``convnext_tiny``, ``vit_b_16`` ...
        weights: File of the weights; default: torchvision's newest, downloaded once into the cache folder.
        batch_size: Images at a time.

    Raises:
        ConfigError: torchvision has no such classifier.
    """

    of_photographs: ClassVar[bool] = True

    def __init__(self, model: str = "resnet50", weights: str | None = None, batch_size: PositiveInt = 32) -> None:
        super().__init__()
        available = list_models(module=torchvision.models)
        if model not in available:
            raise ConfigError(f"metrics: torchvision has no classifier {model!r} (it has {', '.join(available)})")
        self.name = model
        self._weights = weights
        self._batch_size = batch_size
        self._published = get_model_weights(model).DEFAULT

    def load(self, data: ImageSource) -> None:
        """Load the weights.

        Raises:
            ConfigError: The network has no linear layer.
        """
        address = self._published.url
        digest = Path(address).stem.rpartition("-")[2]
        path = find_weights(self._weights, self.name, address, digest)
        state = read_weights(path)
        network = get_model(self.name, weights=None, num_classes=len(self._published.meta["categories"]))
        refuse_other_weights(state, network, path, self.name)
        network.load_state_dict(state)
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        if not layers:
            raise ConfigError(f"metrics: {self.name} of torchvision has no linear layer to take the input of")
        self._head, self.num_features = layers[-1], layers[-1].in_features
        self._network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.weight_hash = hash_weights(state)
        self._details["resize"] = f"antialiased to {self._size}"

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map uint8 ``(B, C, H, W)`` to features ``(B, num_features)`` and the logits ``(B, K)``."""
        network, features = self.network, []
        hook = self._head.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].flatten(1)))
        try:
            logits = [network(self._normalized(part)) for part in torch.split(images, self._batch_size)]
        finally:
            hook.remove()
        return torch.cat(features), torch.cat(logits)

    @property
    def _size(self) -> int:
        return int(self._published.transforms().crop_size[0])

    def _normalized(self, images: Tensor) -> Tensor:
        preset = self._published.transforms()
        mean, std = (torch.tensor(values, device=images.device).view(3, 1, 1) for values in (preset.mean, preset.std))
        pixels = to_eight_bits(images).float().div(255).expand(-1, 3, -1, -1)
        pixels = interpolate(pixels, size=(self._size, self._size), mode="bilinear", antialias=True)
        return ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)
