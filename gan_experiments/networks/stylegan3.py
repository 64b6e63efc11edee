"""StyleGAN3 (Karras et al. 2021, "Alias-free generative adversarial networks"); its discriminator is StyleGAN2's.

B: batch, C: channels, H, W: height and width, D: length of a style, L: number of layers with a style.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn

from gan_experiments.core.types import DataFacts, Depth, Fraction, PositiveFloat, Width
from gan_experiments.networks.alias_free import AliasFreeLayer, Band, FourierInput, ImageLayer
from gan_experiments.networks.sizes import POWERS_OF_TWO
from gan_experiments.networks.style_generator import StyleGenerator
from gan_experiments.networks.style_layers import ModulatedConv2d

CRITICAL = 2  # critically sampled layers at the end, whose filters do not suppress all aliases
MARGIN = 10  # pixels around the image, at the rate of each layer
IMAGE_SCALE = 0.25  # of what the last layer returns

_FIRST_CUTOFF, _FIRST_STOP = 2.0, 2.0**2.1  # cycles per image
_LAST_STOP = 2.0**0.3  # times the last cutoff


class StyleGAN3Generator(StyleGenerator):
    """Latents to styles through a mapping network, Fourier features to images through alias-free layers.

    Its details move with the content instead of sticking to pixels: ``synthesize`` with a transform of the input is the
    transformed image, as ``metrics=equivariance`` measures.

    Args:
        facts: Size and channels of the images.
        latent_dim: Length of a latent vector.
        style_dim: Length of a style vector.
        variant: ``t``: equivariant to translation; ``r``: to rotation as well, with 1x1 convolutions and radial
            filters. It needs twice the channels.
        channels: Channels at the cutoff frequency of the image; inversely proportional to it, up to ``max_channels``.
        max_channels: Largest number of channels.
        layers: Layers between the Fourier features and the last one.
        mapping_layers: Layers of the mapping network.
        mapping_lr: Learning rate multiplier of the mapping network.
        magnitude_decay: Of the average magnitudes that inputs of layers are divided by, per training pass.
        conditional: Whether styles depend on a label as well.

    Raises:
        ConfigError: The image size is not supported, or the images have no labels to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(POWERS_OF_TWO)
    transforms: ClassVar[bool] = True
    average_decay = 0.998  # the authors' settings

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 512,
        style_dim: Width = 512,
        variant: Literal["t", "r"] = "t",
        channels: Width = 64,
        max_channels: Width = 512,
        layers: Annotated[int, Interval(ge=3, le=100)] = 14,
        mapping_layers: Depth = 2,
        mapping_lr: PositiveFloat = 0.01,
        magnitude_decay: Fraction = 0.999,
        conditional: bool = False,
    ) -> None:
        super().__init__(facts, latent_dim, style_dim, mapping_layers, mapping_lr, conditional)
        plan = bands(facts.height, layers, channels, max_channels)
        self.input = FourierInput(plan[0], style_dim)
        kernel_size = 3 if variant == "t" else 1
        made: list[nn.Module] = []
        for index, after in enumerate(plan):
            radial = variant == "r" and index < layers - CRITICAL
            before = plan[max(0, index - 1)]
            made.append(AliasFreeLayer(before, after, style_dim, kernel_size, radial, magnitude_decay))
        self.layers = nn.ModuleList([*made, ImageLayer(plan[-1], facts.channels, style_dim, magnitude_decay)])
        self.num_styles = layers + 2

    def synthesize(self, styles: Tensor, labels: Tensor | None = None, transform: Tensor | None = None) -> Tensor:
        """Map styles, one for all layers ``(B, D)`` or ``(B, L, D)``, to images ``(B, C, H, W)``.

        Args:
            styles: The styles.
            labels: Not used.
            transform: Where the content at each position comes from, affine, ``(3, 3)`` or ``(B, 3, 3)``: x points
                right, y down, and the image has width and height 1 around the origin.
        """
        first, *others = self.for_layers(styles).unbind(1)
        maps = self.input(first, transform)
        for layer, style in zip(self.layers, others, strict=True):
            maps = layer(maps, style)
        images: Tensor = IMAGE_SCALE * maps
        return images

    def style_weight(self) -> Tensor:
        """Return the weights ``(F, D)`` of the styles of all convolutions, for SeFa."""
        layers = [module.style for module in self.modules() if isinstance(module, ModulatedConv2d)]
        return torch.cat([layer.weight * layer.gain for layer in layers])


def bands(size: int, layers: int, channels: int, max_channels: int) -> list[Band]:
    """Return the signal after each layer, the first one also being the input (Karras et al. 2021, appendix C.2).

    Cutoffs and stopbands grow geometrically up to those of the image, which the last ``CRITICAL`` layers have.

    Args:
        size: Of the images, a power of two.
        layers: Number of layers.
        channels: Of the maps at the cutoff of the image.
        max_channels: Largest number of channels.
    """
    plan = []
    for index in range(layers):
        share = min(index / (layers - CRITICAL), 1)
        cutoff = _FIRST_CUTOFF * (size / 2 / _FIRST_CUTOFF) ** share
        stop = _FIRST_STOP * (size / 2 * _LAST_STOP / _FIRST_STOP) ** share
        rate = 2 ** math.ceil(math.log2(min(2 * stop, size)))
        side = size if index == layers - 1 else rate + 2 * MARGIN
        width = round(min(channels * size / 2 / cutoff, max_channels))
        plan.append(Band(rate, cutoff, max(stop, rate / 2) - cutoff, side, width))
    return plan
