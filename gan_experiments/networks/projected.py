"""Projected discriminator (Sauer et al. 2021): small discriminators on the features of a frozen, pretrained network.

B: batch, C: channels, K: size of a logit map.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models import EfficientNet_B0_Weights, efficientnet_b0

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Discriminator
from gan_experiments.core.frozen import Frozen
from gan_experiments.core.images import in_colour
from gan_experiments.core.network_rules import check_gradients_of_samples
from gan_experiments.core.randomness import derive_seed
from gan_experiments.core.rules import image_size, option
from gan_experiments.core.types import ConfigError, DataFacts, PositiveInt, Width
from gan_experiments.core.weights import find_weights, read_weights, refuse_other_weights
from gan_experiments.networks.conditioning import with_labels
from gan_experiments.networks.layers import normalize_spectrally

RANDOM = "random"

_KEY = "model.discriminator.weights"
_STAGES = ((0, 3), (3, 4), (4, 6), (6, 8))  # slices of the layers, to maps of 1/4 to 1/32 of the image
_CHANNELS = (24, 40, 112, 320)  # of those maps
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, for pixels in [0, 1]
_GRID, _SMALLEST = 32, 128  # of the images that the feature network sees
_EMBEDDING, _CONDITION = 128, 64  # lengths of a class embedding, and of what it is compared with


class FeaturePyramid(nn.Module):
    """EfficientNet-B0 of torchvision without its classifier: images to feature maps of four scales.

    Args:
        weights: File of its weights; ``None``: torchvision's, downloaded once into the cache folder; ``"random"``:
            drawn, always the same.

    Raises:
        ConfigError: The weights are of another network.
        WeightsMissingError: The weights are not on this machine and cannot be downloaded.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: str | None) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed("projected discriminator"))
            network = efficientnet_b0(weights=None)
        if weights != RANDOM:
            address = EfficientNet_B0_Weights.IMAGENET1K_V1.url
            path = find_weights(weights, "EfficientNet-B0", address, Path(address).stem.rpartition("-")[2], _KEY)
            state = read_weights(path, _KEY)
            refuse_other_weights(state, network, path, "EfficientNet-B0", _KEY)
            network.load_state_dict(state)
        self.stages = nn.ModuleList(network.features[slice(*stage)] for stage in _STAGES)
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(3, 1, 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map colour images in [-1, 1] to feature maps, the largest first."""
        maps, features = ((images + 1) / 2 - self.mean) / self.std, []
        for stage in self.stages:
            maps = stage(maps)
            features.append(maps)
        return features


class Head(nn.Module):
    """Feature maps of one scale to logits: halving convolutions, then a 4x4 convolution.

    Args:
        fan_in: Channels of the maps.
        channels: Channels at the largest scale, which double with every halving after the first.
        halvings: Number of halvings.
        num_classes: Classes that the logits are conditioned on; 0: none.
    """

    def __init__(self, fan_in: int, channels: int, halvings: int, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for left in range(halvings - 1, -1, -1):
            fan_out = channels * 2 ** (3 - left)
            layers += [nn.Conv2d(fan_in, fan_out, 4, stride=2, padding=1), nn.BatchNorm2d(fan_out)]
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            fan_in = fan_out
        layers.append(nn.Conv2d(fan_in, _CONDITION if num_classes else 1, 4, bias=False))
        self.layers = nn.Sequential(*layers)
        self.embedding: nn.Module | None = None
        if num_classes:
            linear, active = nn.Linear(_EMBEDDING, _CONDITION), nn.LeakyReLU(0.2, inplace=True)
            self.embedding = nn.Sequential(nn.Embedding(num_classes, _EMBEDDING), linear, active)
        normalize_spectrally(self.layers, embeddings=False)

    def forward(self, maps: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, fan_in, ...)`` and labels ``(B,)``, if conditional, to logits ``(B, 1, K, K)``."""
        output: Tensor = self.layers(maps)
        if self.embedding is None:
            return output
        embedded: Tensor = self.embedding(labels)[:, :, None, None]
        return (output * embedded).sum(dim=1, keepdim=True) / math.sqrt(_CONDITION)


class ProjectedDiscriminator(Discriminator):
    """Images to a map of logits from each of four scales of a frozen network, which fixed random layers mix.

    The features of each scale pass a 1x1 convolution (cross-channel mixing), then are added to the enlarged ones of the
    next coarser scale (cross-scale mixing). Both kinds of layers keep their random weights. Smaller images are enlarged
    to ``resolution``, and all are normalized as the frozen network was trained.

    Args:
        facts: Size, channels and classes of the images.
        channels: Channels of the finest mixed features; each coarser scale has twice as many.
        resolution: Size in pixels that smaller images are enlarged to; a multiple of 32.
        weights: File of the weights of torchvision's EfficientNet-B0; ``None``: torchvision's, downloaded once into the
            cache folder; ``"random"``: drawn, always the same.
        conditioning: ``projection``: logits are inner products with an embedding of the class.

    Raises:
        ConfigError: The images do not fit, have no labels to condition on, or the weights are of another network.
        WeightsMissingError: The weights are not on this machine and cannot be downloaded.
    """

    def __init__(
        self,
        facts: DataFacts,
        channels: Width = 64,
        resolution: PositiveInt = 224,
        weights: str | None = None,
        conditioning: Literal["none", "projection"] = "none",
    ) -> None:
        super().__init__(facts)
        if misfit := _misfit(facts.shorter_side, resolution):
            raise ConfigError(f"model.discriminator: {misfit}; {facts.name} has {facts.shorter_side}")
        if facts.channels not in (1, 3):
            raise ConfigError(f"model.discriminator: it sees grey or coloured images, not {facts.channels} channels")
        self.conditional = with_labels(facts, conditioning != "none")
        self.resolution = resolution
        self.backbone = Frozen(FeaturePyramid(weights))
        widths = [channels * 2**scale for scale in range(len(_CHANNELS))]
        mixed = [channels, *widths[:-1]]
        self.mix_channels = nn.ModuleList(nn.Conv2d(*pair, 1) for pair in zip(_CHANNELS, widths, strict=True))
        self.mix_scales = nn.ModuleList(nn.Conv2d(*pair, 1) for pair in zip(widths, mixed, strict=True))
        for layer in (*self.mix_channels, *self.mix_scales):
            layer.requires_grad_(False)
        classes = facts.num_classes if self.conditional else 0
        self.heads = nn.ModuleList(
            Head(width, channels, len(mixed) - scale, classes) for scale, width in enumerate(mixed)
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` in [-1, 1] and labels ``(B,)``, if conditional, to logits ``(B, 4, K, K)``."""
        images = in_colour(images)
        if images.shape[-1] < self.resolution:
            images = interpolate(images, size=self.resolution, mode="bilinear", align_corners=False)
        maps = [mix(each) for mix, each in zip(self.mix_channels, self.backbone(images), strict=True)]
        outputs: list[Tensor] = []
        above: Tensor | float = 0.0
        for each, mix, head in list(zip(maps, self.mix_scales, self.heads, strict=True))[::-1]:
            doubled = interpolate(each + above, scale_factor=2.0, mode="bilinear", align_corners=True)
            above = mix(doubled)
            outputs.insert(0, head(above, labels))
        return torch.cat(outputs, dim=1)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse images and a resolution that do not fit; warn of penalties on the gradient of each image."""
        yield from super().check(key, options, config)
        yield from check_gradients_of_samples(key, "another penalty", config, "batch norm")
        size, resolution = image_size(config), option(config, key, "resolution")
        if isinstance(resolution, int) and (misfit := _misfit(size or resolution, resolution)):
            yield Problem(f"{key}.resolution", f"{misfit}; they have {size}" if size else misfit)


def _misfit(size: int, resolution: int) -> str:
    """Return what is wrong with images of ``size`` pixels; empty if nothing is."""
    if size == 1:
        return "it sees images, not points"
    if resolution < _SMALLEST or resolution % _GRID:
        return f"{resolution} is not a multiple of {_GRID} from {_SMALLEST} on"
    odd = size > resolution and size % _GRID
    return f"images of more than {resolution} pixels need a multiple of {_GRID}" if odd else ""
