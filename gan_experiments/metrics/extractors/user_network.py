"""Features of the user's own network."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gan_experiments.core.cache import short_hash
from gan_experiments.core.images import to_float
from gan_experiments.core.text import first_line
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.core.weights import hash_weights, read_weights, refuse_other_weights
from gan_experiments.metrics.extractors.base import Extractor, ImageSource


class UserNetwork(Extractor):
    """Wraps a module that maps images in [-1, 1] to features ``(B, F)``, or to features and logits ``(B, K)``.

    For anything else, subclass ``Extractor``.

    Args:
        network: The module, as a component: a mapping with ``_target_``, whose package the command line trusts.
        weights: File of its weights, a state dict; default: the weights of its constructor, drawn from a fixed seed.
        image_size: Pixels that images are resized to, antialiased; default: not resized.
        batch_size: Images at a time.
    """

    def __init__(
        self,
        network: nn.Module,
        weights: str | None = None,
        image_size: PositiveInt | None = None,
        batch_size: PositiveInt = 100,
    ) -> None:
        super().__init__()
        self.name = re.sub(r"\W+", "_", type(network).__name__)
        self._given = network
        self._weights = weights
        self._image_size = image_size
        self._batch_size = batch_size

    def load(self, data: ImageSource) -> None:
        """Load the weights, and check the output for an image.

        Raises:
            ConfigError: The weights are missing or of another network, or the network fails for an image, or its output
                is not ``(B, F)``.
        """
        if self._weights is not None:
            path = Path(self._weights).expanduser()
            if not path.is_file():
                raise ConfigError(f"metrics.weights: there is no file {path}")
            state = read_weights(path)
            refuse_other_weights(state, self._given, path, self.name)
            self._given.load_state_dict(state)
        self._network = self._given.eval().requires_grad_(False)
        try:
            features, _ = self(data.images[:1])
        except Exception as error:  # whatever the user's network does wrong
            raise ConfigError(f"metrics: {self.name} fails for an image: {first_line(error)}") from error
        if features.ndim != 2:
            raise ConfigError(f"metrics: {self.name} returns {tuple(features.shape)} for an image, not features (1, F)")
        self.num_features = features.shape[1]
        self.weight_hash = hash_weights(self._given.state_dict())
        kind = type(self._given)
        # Options such as the slope of a leaky ReLU are not in the weights, but in the printed layers.
        layers = f"{kind.__module__}.{kind.__qualname__} {self._given}"
        resize = f"antialiased to {self._image_size}" if self._image_size else "none"
        self._details = {"resize": resize, "layers": short_hash(layers)}

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map uint8 ``(B, C, H, W)`` to features ``(B, F)``, and logits ``(B, K)`` if the network returns any."""
        outputs = [self.network(self._resized(part)) for part in torch.split(images, self._batch_size)]
        if isinstance(outputs[0], Tensor):
            return torch.cat(outputs), None
        features, logits = zip(*outputs, strict=True)
        return torch.cat(features), torch.cat(logits)

    def _resized(self, images: Tensor) -> Tensor:
        floats = to_float(images)
        if self._image_size is None:
            return floats
        return interpolate(floats, size=(self._image_size,) * 2, mode="bilinear", antialias=True)
