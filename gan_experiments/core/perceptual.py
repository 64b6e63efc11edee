"""LPIPS embedding: images to vectors whose squared distance is LPIPS (Zhang et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
import torchmetrics
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from torchvision.models import AlexNet_Weights, VGG16_Weights, alexnet, vgg16

from gan_experiments.core.images import to_float
from gan_experiments.core.types import ConfigError
from gan_experiments.core.weights import find_weights, read_weights

MIN_PIXELS = 32
_SIDE = 256  # pixels; to this StyleGAN2 reduces larger images

Backbone = Literal["alex", "vgg"]

_NETWORKS = {"alex": (alexnet, AlexNet_Weights.IMAGENET1K_V1), "vgg": (vgg16, VGG16_Weights.IMAGENET1K_V1)}
_LAYERS = {  # slices of their features, each ending in a ReLU
    "alex": ((0, 2), (2, 5), (5, 8), (8, 10), (10, 12)),
    "vgg": ((0, 4), (4, 9), (9, 16), (16, 23), (23, 30)),
}
_SHIFT = (-0.030, -0.088, -0.188)  # mean of ImageNet, for images in [-1, 1]
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-8


class PerceptualEmbedding(nn.Module):
    """Maps images to vectors whose squared Euclidean distance is LPIPS, version 0.1, with AlexNet or VGG16.

    LPIPS is a weighted mean of squared differences of unit-length features (Zhang et al. 2018, equation 1). With
    features multiplied by the square roots of the weights, it is a squared distance.

    Args:
        backbone: Weights of torchvision's network: its state dict.
        network: ``alex``, or ``vgg``, which perceptual path lengths are measured with.

    Raises:
        ConfigError: The weights are of another network.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: Mapping[str, Tensor], network: Backbone = "alex") -> None:
        super().__init__()
        prefix = "features."  # the layers after them, most of the weights, are not used
        features = {name[len(prefix) :]: value for name, value in backbone.items() if name.startswith(prefix)}
        with torch.device("meta"):
            layers = _NETWORKS[network][0](weights=None).features
        try:
            layers.load_state_dict(features, assign=True)
        except RuntimeError as error:
            name = {"alex": "AlexNet", "vgg": "VGG16"}[network]
            raise ConfigError(f"LPIPS: these are not the weights of torchvision's {name}") from error
        self.slices = nn.ModuleList(layers[start:stop] for start, stop in _LAYERS[network])
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))
        for layer, weights in enumerate(_linear_weights(network)):
            self.register_buffer(f"roots{layer}", weights.sqrt())
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(B, C, H, W)``, grey or coloured, uint8 or float in [-1, 1], to ``(B, D)``.

        Raises:
            ValueError: The images are smaller than 32 pixels, too small for the network, or have two channels.
        """
        if min(images.shape[-2:]) < MIN_PIXELS or images.shape[1] not in (1, 3):
            raise ValueError(f"LPIPS needs grey or coloured images of {MIN_PIXELS} pixels, not {tuple(images.shape)}")
        hidden = (to_float(images).expand(-1, 3, -1, -1) - self.shift) / self.scale
        parts = []
        for layer, block in enumerate(self.slices):
            hidden = block(hidden)
            unit = hidden / (hidden.square().sum(1, keepdim=True) + _EPSILON).sqrt()
            area = hidden.shape[2] * hidden.shape[3]
            parts.append((unit * self.get_buffer(f"roots{layer}") / area**0.5).flatten(1))
        return torch.cat(parts, 1)


def reduced(images: Tensor) -> Tensor:
    """Return images ``(B, C, H, W)`` as StyleGAN2 shows them to LPIPS: float32, averaged in blocks to 256 pixels.

    Its path lengths and its projector divide the side of squares by 256 and round down. Here it is the shorter side,
    which leaves rectangles their shape: a side of 512 is halved, one of 511 stays. LPIPS itself reduces nothing.
    """
    return avg_pool2d(images.float(), max(1, min(images.shape[-2:]) // _SIDE))


def load_backbone(
    weights: str | None = None, key: str = "metrics.measures.lpips_diversity.weights", network: Backbone = "alex"
) -> dict[str, Tensor]:
    """Return the weights of torchvision's network from a file; by default they are downloaded into the cache folder.

    Args:
        weights: The file; ``None``: the published weights.
        key: Config key that the file is given at.
        network: ``alex`` or ``vgg``.

    Raises:
        ConfigError: The weights are not available; the message says which file to download and where to put it.
    """
    address = _NETWORKS[network][1].url
    digest = Path(address).stem.rpartition("-")[2]
    return read_weights(find_weights(weights, "LPIPS", address, digest, key), key)


def _linear_weights(network: str) -> list[Tensor]:
    """Return the weights of the channels of each layer, from torchmetrics: ``(1, C, 1, 1)`` each."""
    path = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / f"{network}.pth"
    weights = torch.load(path, map_location="cpu", weights_only=True)
    return [weights[f"lin{layer}.model.1.weight"] for layer in range(len(_LAYERS[network]))]
