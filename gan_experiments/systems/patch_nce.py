"""PatchNCE: patches of the output are to resemble the patches of the input at the same position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from gan_experiments.core.randomness import Stream
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import ConfigError, Width
from gan_experiments.networks.translation_layers import initialize

_ITSELF = -10.0  # the similarity of a patch to itself among the negatives, as published: exp(-10 / 0.07) is nothing


class PatchProjection(nn.Module):
    """Two linear layers for the features of each depth, then unit length (Park et al. 2020, section 3).

    Args:
        generator: The translator, whose features are projected.
        features: Length of the vectors.
    """

    provided: ClassVar[tuple[str, ...]] = ("generator",)

    def __init__(self, generator: Translator, features: Width = 256) -> None:
        super().__init__()
        channels = generator.feature_channels()
        if not channels:
            raise ConfigError(f"model.generator: {type(generator).__name__} has no features, which CUT compares")
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(width, features), nn.ReLU(inplace=True), nn.Linear(features, features))
            for width in channels
        )
        initialize(self, "xavier")

    def forward(self, maps: Sequence[Tensor], positions: Sequence[Tensor]) -> list[Tensor]:
        """Map feature maps ``(B, C_i, H_i, W_i)`` and positions ``(P_i,)`` to vectors ``(B, P_i, features)``."""
        patches = (each.flatten(2)[:, :, chosen].mT for each, chosen in zip(maps, positions, strict=True))
        vectors = (layer(each).float() for layer, each in zip(self.layers, patches, strict=True))
        return [normalize(each, dim=-1, eps=1e-7) for each in vectors]


def draw_positions(maps: Sequence[Tensor], patches: int, rng: Stream) -> list[Tensor]:
    """Draw at most ``patches`` positions of each feature map, the same for all images: int64, ``(P_i,)`` each."""
    areas = [each.shape[-2] * each.shape[-1] for each in maps]
    return [rng.permutation(area)[:patches].to(each.device) for area, each in zip(areas, maps, strict=True)]


def patch_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy of finding each query's key among those of its image (Park et al. 2020, equation 3).

    Args:
        queries: Unit vectors of patches of the output: ``(B, P, F)``.
        keys: Of the patches of the input at the same positions; no gradient passes through them.
        temperature: Divides the similarities.
    """
    keys = keys.detach()
    positive = (queries * keys).sum(-1, keepdim=True)  # (B, P, 1)
    similar = queries @ keys.mT  # (B, P, P)
    itself = torch.eye(similar.shape[-1], dtype=torch.bool, device=similar.device)
    logits = torch.cat([positive, similar.masked_fill(itself, _ITSELF)], -1).flatten(0, 1) / temperature
    return cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))
