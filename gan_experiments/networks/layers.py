"""Shared layers: self-attention, conditional batch norm, residual blocks, initial weights, spectral normalization.

Shapes: B samples, C channels, H and W size of a feature map, K classes, D length of a condition.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, relu, scaled_dot_product_attention
from torch.nn.utils import parametrizations

from gan_experiments.networks.block import Block
from gan_experiments.networks.virtual_batch_norm import VirtualBatchNorm

Draw = Callable[[Tensor], object]  # of ``nn.init``: fills a weight
NORMAL: Draw = partial(nn.init.normal_, std=0.02)

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
_NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, VirtualBatchNorm)

MakeMap = Callable[[int], nn.Module]  # from channels to a module that maps a condition to ``(B, channels)``


class SelfAttention(Block):
    """Self-attention over the positions of a feature map: ``x + gate * attention(x)`` (Zhang et al. 2019, section 3).

    As in the authors' code, queries and keys have an eighth of the channels, values half of them, and keys and values
    are pooled to half the height and width. The gate starts at 0, so that the layer starts as the identity.

    Args:
        channels: Channels of the feature map, at least 8.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner, half = max(1, channels // 8), max(1, channels // 2)
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, half, 1, bias=False)
        self.out = nn.Conv2d(half, channels, 1, bias=False)
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape, H and W at least 2."""
        height, width = maps.shape[-2:]
        query = self.query(maps).flatten(2).mT  # (B, H * W, C / 8)
        key = max_pool2d(self.key(maps), 2).flatten(2).mT  # (B, H * W / 4, C / 8)
        value = max_pool2d(self.value(maps), 2).flatten(2).mT  # (B, H * W / 4, C / 2)
        # Penalties may differentiate twice, which only the math backend supports; without gradients any backend works.
        with sdpa_kernel(SDPBackend.MATH) if torch.is_grad_enabled() else nullcontext():
            # The head dimension is explicit because ONNX export needs it.
            attended = scaled_dot_product_attention(query[:, None], key[:, None], value[:, None], scale=1.0)[:, 0]
        result: Tensor = maps + self.gate * self.out(torch.unflatten(attended.mT, 2, (height, width)))
        return result


class ConditionalBatchNorm2d(nn.BatchNorm2d):
    """Batch normalization whose gain and shift are functions of a condition (de Vries et al. 2017).

    Args:
        channels: Channels of the feature map.
        make_map: Called with ``channels`` for the module that computes the gain minus 1 from the condition, and again
            for the shift. ``None``: learned parameters, as in plain batch normalization.
    """

    def __init__(self, channels: int, make_map: MakeMap | None = None) -> None:
        super().__init__(channels, affine=make_map is None)
        self.gain = make_map(channels) if make_map else None
        self.shift = make_map(channels) if make_map else None

    def forward(self, maps: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` and the condition, labels ``(B,)`` or vectors ``(B, D)``, to ``(B, C, H, W)``."""
        normalized = super().forward(maps)
        if self.gain is None or self.shift is None:
            return normalized
        gain, shift = self.gain(condition)[:, :, None, None], self.shift(condition)[:, :, None, None]
        return torch.addcmul(shift, normalized, 1 + gain)


def class_map(num_classes: int) -> MakeMap:
    """Return a ``make_map`` of ConditionalBatchNorm2d: a table of one number per class and channel, initially 0."""

    def make(channels: int) -> nn.Embedding:
        table = nn.Embedding(num_classes, channels)
        nn.init.zeros_(table.weight)
        return table

    return make


def vector_map(length: int) -> MakeMap:
    """Return a ``make_map`` of ConditionalBatchNorm2d: a linear map of vectors of ``length``."""
    return lambda channels: nn.Linear(length, channels, bias=False)


def upsample(maps: Tensor) -> Tensor:
    """Double height and width by repeating each pixel: ``(B, C, H, W)`` to ``(B, C, 2H, 2W)``."""
    return interpolate(maps, scale_factor=2.0, mode="nearest")


def downsample(maps: Tensor) -> Tensor:
    """Halve height and width by averaging: ``(B, C, H, W)`` to ``(B, C, H / 2, W / 2)``."""
    return avg_pool2d(maps, 2)


class GeneratorBlock(Block):
    """A residual block that doubles the feature map (Gulrajani et al. 2017; Miyato et al. 2018, figure 8).

    Args:
        fan_in: Input channels.
        fan_out: Output channels.
        make_map: For both normalizations; see ConditionalBatchNorm2d.
    """

    def __init__(self, fan_in: int, fan_out: int, make_map: MakeMap | None = None) -> None:
        super().__init__()
        self.norm1 = ConditionalBatchNorm2d(fan_in, make_map)
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, padding=1)
        self.norm2 = ConditionalBatchNorm2d(fan_out, make_map)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, padding=1)
        self.shortcut = nn.Conv2d(fan_in, fan_out, 1)

    def forward(self, maps: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map ``(B, fan_in, H, W)`` to ``(B, fan_out, 2H, 2W)``."""
        residual = self.conv1(upsample(relu(self.norm1(maps, condition), inplace=True)))
        residual = self.conv2(relu(self.norm2(residual, condition), inplace=True))
        result: Tensor = residual + upsample(self.shortcut(maps))  # repeating pixels and a 1x1 convolution commute
        return result


class DiscriminatorBlock(Block):
    """A residual block that may halve the feature map (Gulrajani et al. 2017; Miyato et al. 2018, figure 8).

    Args:
        fan_in: Input channels.
        fan_out: Output channels.
        hidden: Channels between its convolutions.
        halve: Whether it halves height and width.
        first: Whether the input is the image, so that no activation comes first.
        activated: Whether the shortcut begins after the first activation instead of before it.
    """

    def __init__(
        self, fan_in: int, fan_out: int, hidden: int, halve: bool, first: bool = False, activated: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, hidden, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden, fan_out, 3, padding=1)
        self.shortcut = nn.Conv2d(fan_in, fan_out, 1) if halve or fan_in != fan_out else None
        self.halve = halve
        self.first = first
        self.activated = activated and not first

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(B, fan_in, H, W)`` to ``(B, fan_out, H, W)`` or half the height and width."""
        if self.activated:
            maps = relu(maps)
        residual = self.conv1(maps if self.first else relu(maps))
        residual = self.conv2(relu(residual, inplace=True))
        if self.halve:
            maps, residual = downsample(maps), downsample(residual)  # averaging and a 1x1 convolution commute
        result: Tensor = residual + (maps if self.shortcut is None else self.shortcut(maps))
        return result


def draw_weights(
    network: nn.Module,
    draw: Draw = NORMAL,
    kinds: tuple[type[nn.Module], ...] = (*_CONVOLUTIONS, nn.Linear),
    gains: bool = False,
) -> None:
    """Initialize the weights of convolutions and linear layers, whose biases become 0.

    Args:
        network: The network.
        draw: Fills a weight; by default from N(0, 0.02) (Radford, Metz & Chintala 2015, section 4).
        kinds: The layers.
        gains: Whether to draw gains of normalizations from N(1, 0.02) as well.
    """
    for module in network.modules():
        if isinstance(module, kinds):
            draw(module.weight)  # type: ignore[arg-type]
            if (bias := getattr(module, "bias", None)) is not None:
                nn.init.zeros_(bias)
        elif gains and isinstance(module, _NORMS) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, 0.02)


def draw_orthogonal(network: nn.Module) -> None:
    """Initialize the weights of a network as orthogonal matrices, those of embeddings last."""
    draw_weights(network, nn.init.orthogonal_)
    draw_weights(network, nn.init.orthogonal_, (nn.Embedding,))


def normalize_spectrally(network: nn.Module, embeddings: bool) -> None:
    """Divide every weight of a network by its largest singular value (Miyato et al. 2018, section 2.1).

    Args:
        network: The network, after initialization.
        embeddings: Whether to normalize embeddings too, as discriminators do.
    """
    kinds = (*_CONVOLUTIONS, nn.Linear) + (nn.Embedding,) * embeddings
    for module in list(network.modules()):
        if isinstance(module, kinds):
            parametrizations.spectral_norm(module)
