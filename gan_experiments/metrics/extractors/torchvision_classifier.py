"""Features of a classifier of torchvision, trained on ImageNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models import get_model, get_model_weights, list_models

from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.metrics.extractors.base import Extractor, ImageSource, hash_weights
from gan_experiments.metrics.extractors.weights import find_weights, read_weights, require_fit


class TorchvisionClassifier(Extractor):
    """Any classifier of torchvision that ends in a linear layer: its features are what goes into that one.

    Images are resized, antialiased, to the size that the weights were published for. Grey images are shown in three
    equal channels.

    Args:
        model: Its name in ``torchvision.models``: ``resnet50``, ``vgg16``, ``convnext_tiny``, ``vit_b_16`` ...
        weights: The file of the weights; default: torchvision's newest, fetched once into the cache folder.
        batch_size: Images at a time.

    Raises:
        ConfigError: There is no such classifier.
    """

    def __init__(self, model: str = "resnet50", weights: str | None = None, batch_size: PositiveInt = 32) -> None:
        super().__init__()
        known = list_models(module=torchvision.models)
        if model not in known:
            raise ConfigError(f"metrics: torchvision has no classifier {model!r} (it has {', '.join(known)})")
        self.name = model
        self._weights = weights
        self._batch_size = batch_size
        self._published = get_model_weights(model).DEFAULT
        self._network: nn.Module | None = None
        self._head: nn.Linear | None = None

    @torch.inference_mode(False)  # evaluation may be what asks for it
    def prepare(self, data: ImageSource) -> None:
        """Load the weights; a second call does nothing.

        Raises:
            ConfigError: The images are points, the network ends in no linear layer, or the weights are another's.
            WeightsMissingError: They are not here and cannot be fetched.
        """
        if self._network is not None:
            return
        if data.images.is_floating_point():
            raise ConfigError(f"metrics: {self.name} sees images; {data.facts.name} holds points")
        address = self._published.url
        digest = Path(address).stem.rpartition("-")[2]
        path = find_weights(self._weights, self.name, address, digest)
        state = read_weights(path)
        network = get_model(self.name, weights=None, num_classes=len(self._published.meta["categories"]))
        require_fit(state, network, path, self.name)
        network.load_state_dict(state)
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        if not layers:
            raise ConfigError(f"metrics: {self.name} of torchvision ends in no linear layer")
        self._head, self.num_features = layers[-1], layers[-1].in_features
        self._network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.weight_hash = hash_weights(state)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map uint8 ``(B, C, H, W)`` to features ``(B, num_features)`` and the logits ``(B, K)``."""
        if self._network is None or self._head is None:
            raise RuntimeError("prepare(data) comes before the first image")
        seen: list[Tensor] = []
        hook = self._head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].flatten(1)))
        try:
            logits = [self._network(self._shown(part)) for part in torch.split(images, self._batch_size)]
        finally:
            hook.remove()
        return torch.cat(seen), torch.cat(logits)

    def provenance(self) -> dict[str, Any]:
        """Say what the features are, with the filter and the size that images are resized to."""
        return {**super().provenance(), "resize": f"antialiased to {self._size}"}

    @property
    def _size(self) -> int:
        return int(self._published.transforms().crop_size[0])

    def _shown(self, images: Tensor) -> Tensor:
        recipe = self._published.transforms()
        mean, std = (torch.tensor(values, device=images.device).view(3, 1, 1) for values in (recipe.mean, recipe.std))
        pixels = images.float().div(255).expand(-1, 3, -1, -1)
        pixels = interpolate(pixels, size=(self._size, self._size), mode="bilinear", antialias=True)
        return ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)
