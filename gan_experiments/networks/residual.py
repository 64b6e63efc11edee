"""Residual networks of SNGAN (Miyato et al. 2018, tables 4 to 6) and, with attention, SAGAN (Zhang et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import relu

from gan_experiments.core.contracts import Generator
from gan_experiments.core.precision import in_float32
from gan_experiments.core.types import DataFacts, Packing, Width
from gan_experiments.networks.conditioning import ConditionalDiscriminator, Conditioning, with_labels
from gan_experiments.networks.layers import (
    DiscriminatorBlock,
    GeneratorBlock,
    MakeMap,
    SelfAttention,
    class_map,
    draw_orthogonal,
    draw_weights,
    normalize_spectrally,
)
from gan_experiments.networks.minibatch import Minibatch

Attention = Literal["none", "half", "quarter"]
SHARES: dict[Attention, int] = {"none": 0, "half": 2, "quarter": 4}  # of the image's size to that of attention's maps
Init = Literal["xavier", "orthogonal"]


class Plan(NamedTuple):
    """The architecture for one image size, of rectangles the shorter side; widths are multiples of ``channels``.

    Attributes:
        start: Size of the generator's first feature maps.
        generator: Widths of the generator's feature maps, starting at the latent.
        discriminator: Output widths of the discriminator's blocks, starting at the image.
        halvings: Number of blocks, from the first, that halve the feature map.
        wide_halvings: The same with wide blocks, if it differs.
    """

    start: int
    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    halvings: int
    wide_halvings: int | None = None


# 32, 48 and 128: from the paper; 64: from the authors' code, whose wide discriminators (BigGAN-PyTorch) end at 4x4
# instead of 2x2 feature maps; 8, 16 and 28: that of 32, with one doubling less.
PLANS = {
    8: Plan(2, (4, 4, 4), (2, 2, 2, 2), 2),
    16: Plan(4, (4, 4, 4), (2, 2, 2, 2), 2),
    28: Plan(7, (4, 4, 4), (2, 2, 2, 2), 2),
    32: Plan(4, (4, 4, 4, 4), (2, 2, 2, 2), 2),
    48: Plan(6, (8, 4, 2, 1), (1, 2, 4, 8, 16), 4),
    64: Plan(4, (16, 8, 4, 2, 1), (1, 2, 4, 8, 16), 5, wide_halvings=4),
    128: Plan(4, (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5),
}


def multiples_of(plans: Mapping[int, Plan]) -> dict[int, int]:
    """Return what the longer side of rectangles must be a multiple of, so that both networks keep every pixel."""
    return {size: max(size // plan.start, 2**plan.halvings) for size, plan in plans.items()}


class ResidualGenerator(Generator):
    """Latents to images through residual blocks, each of which doubles the feature map; tanh at the end.

    If conditional, the batch norms of every block have a gain and a shift per class.

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector.
        channels: Unit of width. At 48 pixels and more it is that of the layer nearest the image; up to 32 pixels all
            layers have four times as many.
        attention: Size of the feature maps with self-attention, relative to the image.
        spectral_norm: Divide every weight except those of normalizations by its largest singular value.
        conditional: Whether it generates images of a given class.

    Raises:
        ConfigError: The image size is not supported, or the images have no labels to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(PLANS)
    side_multiple = multiples_of(PLANS)
    bounded = True

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 128,
        channels: Width = 64,
        attention: Attention = "none",
        spectral_norm: bool = False,
        conditional: bool = False,
    ) -> None:
        super().__init__(facts)
        self.latent_dim = latent_dim
        self.conditional = with_labels(facts, conditional)
        make_map = class_map(facts.num_classes) if conditional else None
        self.decoder = Decoder(facts, latent_dim, channels, attention, make_map)
        _draw_xavier(self)
        if spectral_norm:
            normalize_spectrally(self, embeddings=False)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, latent_dim)`` and labels ``(B,)``, if conditional, to ``(B, C, H, W)`` in [-1, 1]."""
        images: Tensor = self.decoder(latents, [labels] * self.decoder.num_blocks)
        return images

    def style_weight(self) -> Tensor:
        """Return the weight of the projection: ``(F, latent_dim)``."""
        weight: Tensor = self.decoder.project[0].weight  # type: ignore[assignment]
        return weight


class ResidualDiscriminator(ConditionalDiscriminator):
    """Images to logits through residual blocks and a sum over the last feature map.

    Args:
        facts: Size, channels and classes of the images.
        channels: Unit of width. At 48 pixels and more it is that of the layer nearest the image; up to 32 pixels all
            layers have twice as many.
        attention: Size of the feature maps with self-attention, relative to the image.
        wide: Whether a block has its output channels inside (Zhang 2019, Brock 2019), instead of its input channels
            (Miyato 2018). At 64 pixels the last wide block does not halve the feature map.
        activated_shortcuts: Whether shortcuts begin after a block's first activation, as they do in StudioGAN, whose
            activations change their input; the papers' begin before it.
        init: Initialization: Xavier's (Miyato 2018) or orthogonal (Brock 2019).
        spectral_norm: Divide every weight by its largest singular value.
        conditioning: How it uses labels.
        packing: Images that it sees at a time, joined along channels (Lin et al. 2018, PacGAN).
        minibatch: What the output depends on of the other images of the batch.

    Raises:
        ConfigError: The image size is not supported, or the images have no labels to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(PLANS)
    side_multiple = multiples_of(PLANS)

    def __init__(
        self,
        facts: DataFacts,
        channels: Width = 64,
        attention: Attention = "none",
        wide: bool = False,
        activated_shortcuts: bool = False,
        init: Init = "xavier",
        spectral_norm: bool = True,
        conditioning: Conditioning = "none",
        packing: Packing = 1,
        minibatch: Minibatch = "none",
    ) -> None:
        super().__init__(facts, conditioning, packing, minibatch)
        plan = PLANS[facts.shorter_side]
        halvings = plan.wide_halvings if wide and plan.wide_halvings is not None else plan.halvings
        widths = [self.input_channels + self.seen_classes, *(channels * factor for factor in plan.discriminator)]
        layers: list[nn.Module] = []
        for depth, (fan_in, fan_out) in enumerate(pairwise(widths)):
            hidden = fan_out if wide or not depth else fan_in
            halve, first = depth < halvings, not depth
            layers.append(DiscriminatorBlock(fan_in, fan_out, hidden, halve, first, activated_shortcuts))
            if depth < halvings and SHARES[attention] == 2 ** (depth + 1):
                layers.append(SelfAttention(fan_out))
        self.layers = nn.Sequential(*layers)
        self.add_heads(widths[-1])
        (draw_orthogonal if init == "orthogonal" else _draw_xavier)(self)
        if spectral_norm:
            normalize_spectrally(self, embeddings=True)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the sum over the last feature map, ``(B, F)``; concatenation uses labels ``(B,)``."""
        maps: Tensor = self.layers(self.with_planes(images, labels))
        return relu(in_float32(maps)).sum(dim=(2, 3))


class Decoder(nn.Module):
    """Vectors to images: a projection, residual blocks with a condition each, and a last convolution.

    Args:
        facts: Size and channels of the images.
        length: Length of a vector.
        channels: Unit of width.
        attention: Size of the feature maps with self-attention, relative to the image.
        make_map: For the blocks' normalizations; see ConditionalBatchNorm2d.

    Attributes:
        num_blocks: Number of residual blocks, and so of conditions.
    """

    def __init__(
        self, facts: DataFacts, length: int, channels: int, attention: Attention, make_map: MakeMap | None
    ) -> None:
        super().__init__()
        plan = PLANS[facts.shorter_side]
        widths = [channels * factor for factor in plan.generator]
        growth = facts.shorter_side // plan.start  # from the first feature maps to the image
        start = facts.height // growth, facts.width // growth
        self.project = nn.Sequential(
            nn.Linear(length, widths[0] * start[0] * start[1]), nn.Unflatten(1, (widths[0], *start))
        )
        self.num_blocks = len(widths) - 1
        self.blocks = nn.ModuleList(GeneratorBlock(*pair, make_map) for pair in pairwise(widths))
        self.attention = nn.ModuleList(
            SelfAttention(width) if SHARES[attention] * 2**depth == growth else nn.Identity()
            for depth, width in enumerate(widths)
        )
        self.last = nn.Sequential(
            nn.BatchNorm2d(widths[-1]),
            nn.ReLU(inplace=True),
            nn.Conv2d(widths[-1], facts.channels, 3, padding=1),
            nn.Tanh(),
        )

    def in_order(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield the parts by name in the order in which they are computed."""
        yield "project", self.project
        yield "attention.0", self.attention[0]
        for depth, block in enumerate(self.blocks):
            yield f"blocks.{depth}", block
            yield f"attention.{depth + 1}", self.attention[depth + 1]
        yield "last", self.last

    def forward(self, vectors: Tensor, conditions: list[Tensor | None]) -> Tensor:
        """Map ``(B, length)`` and a condition for each block to ``(B, C, H, W)`` in [-1, 1]."""
        maps = self.attention[0](self.project(vectors))
        for block, attend, condition in zip(self.blocks, self.attention[1:], conditions, strict=True):
            maps = attend(block(maps, condition))
        images: Tensor = self.last(maps)
        return images


def _draw_xavier(network: nn.Module) -> None:
    """Draw weights by Xavier's uniform rule, with gain sqrt(2) in the 3x3 convolutions of blocks (Miyato 2018)."""
    blocks = [module for module in network.modules() if isinstance(module, (GeneratorBlock, DiscriminatorBlock))]
    inner = {convolution.weight for block in blocks for convolution in (block.conv1, block.conv2)}
    draw_weights(network, lambda weight: nn.init.xavier_uniform_(weight, 2**0.5 if weight in inner else 1.0))
