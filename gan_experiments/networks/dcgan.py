"""DCGAN (Radford, Metz & Chintala 2015): convolutions of stride 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Interval
from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.network_rules import check_gradients_of_samples
from gan_experiments.core.rules import image_sides, option
from gan_experiments.core.types import ConfigError, DataFacts, Packing, Width
from gan_experiments.networks.conditioning import ConditionalDiscriminator, Conditioning, LayeredGenerator
from gan_experiments.networks.layers import draw_weights, normalize_spectrally
from gan_experiments.networks.minibatch import Minibatch
from gan_experiments.networks.sizes import halved_sizes, multiples
from gan_experiments.networks.virtual_batch_norm import VirtualBatchNorm

Dropout = Annotated[float, Interval(ge=0, lt=1)]
Slope = Annotated[float, Interval(ge=0, lt=1)]
KernelSize = Literal[4, 5]
Stages = Annotated[int, Interval(ge=1, le=5)]

_DOUBLINGS = {8: 2, 16: 2, 28: 2, 32: 3, 64: 4}  # of feature maps, by image size


class DCGANGenerator(LayeredGenerator):
    """Latents to images: a projection, then transposed 4x4 convolutions of stride 2; tanh at the end.

    At 64 pixels and 64 channels this is the usual network of 3,576,704 parameters. If conditional, the one-hot class is
    appended to the latent (Mirza & Osindero 2014).

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector.
        channels: Channels of the layer nearest the image; they double with every halving of the size.
        norm: Normalization after every layer but the last; ``virtual``: by a fixed reference batch (Salimans 2016).
        upsampling: Transposed convolutions, or nearest-neighbour upsampling before 3x3 convolutions, which avoids
            checkerboard artifacts (Odena, Dumoulin & Olah 2016).
        slope: Slope of the activations below 0; 0: ReLU, as in the paper.
        image_bias: Whether the layer nearest the image has a bias beside normalizations too.
        kernel_size: Of the transposed convolutions; 5, as in the authors' code, allows odd sizes of feature maps.
        stages: How many times the size doubles; ``None``: to 28 pixels twice, to 32 three and to 64 four times.
        conditional: Whether it generates images of a given class.

    Raises:
        ConfigError: The image size is not supported, or the images have no labels to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(_DOUBLINGS)
    side_multiple = multiples(_DOUBLINGS)
    bounded = True

    def __init__(
        self,
        facts: DataFacts,
        latent_dim: Width = 100,
        channels: Width = 64,
        norm: Literal["batch", "virtual", "none"] = "batch",
        upsampling: Literal["transposed", "nearest"] = "transposed",
        slope: Slope = 0.0,
        image_bias: bool = False,
        kernel_size: KernelSize = 4,
        stages: Stages | None = None,
        conditional: bool = False,
    ) -> None:
        super().__init__(facts, latent_dim, conditional)
        doublings = stages or _DOUBLINGS[facts.shorter_side]
        start, *sizes = _sizes(facts, doublings, kernel_size, upsampling)[::-1]
        double = partial(_doubling, upsampling, kernel_size)
        widths = [channels * 2**stage for stage in reversed(range(doublings))]
        bias = norm == "none"
        layers: list[nn.Module] = [
            nn.Linear(self.input_dim, widths[0] * start[0] * start[1], bias=bias),
            nn.Unflatten(1, (widths[0], *start)),
            *_norm_and_activation(norm, widths[0], rectifier(slope)),
        ]
        for (fan_in, fan_out), size in zip(pairwise(widths), sizes, strict=False):
            layers += double(size, fan_in, fan_out, bias)
            layers += _norm_and_activation(norm, fan_out, rectifier(slope))
        layers += double(sizes[-1], widths[-1], facts.channels, bias or image_bias)
        self.layers = nn.Sequential(*layers, nn.Tanh())
        draw_weights(self, gains=True)
        if norm == "virtual":
            self.use_reference()

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse sizes that the layers cannot double."""
        yield from super().check(key, options, config)
        yield from _check_stages(key, config)


class DCGANDiscriminator(ConditionalDiscriminator):
    """Images to logits: 4x4 convolutions of stride 2 with LeakyReLU(0.2), then one linear layer.

    At 64 pixels and 64 channels this is the usual network of 2,765,568 parameters.

    Args:
        facts: Size, channels and classes of the images.
        channels: Channels of the layer nearest the image; they double with every halving of the size.
        norm: Normalization after every convolution but the first. Penalties on the gradient of each sample
            need one that does not mix samples: any but ``batch``.
        spectral_norm: Divide every weight by its largest singular value (Miyato et al. 2018).
        dropout: Probability of dropping a channel after every activation, in training.
        image_bias: Whether the layer nearest the image has a bias beside normalizations too.
        kernel_size: Of the convolutions; 5, as in the authors' code, allows odd sizes of feature maps.
        stages: How many times the size is halved; ``None``: from 28 pixels twice, from 32 three and from 64 four times.
        conditioning: How it uses labels.
        packing: Images that it sees at a time, joined along channels (Lin et al. 2018, PacGAN).
        minibatch: What the output depends on of the other images of the batch.

    Raises:
        ConfigError: The image size is not supported, or the images have no labels to condition on.
    """

    image_sizes: ClassVar[tuple[int, ...] | None] = tuple(_DOUBLINGS)
    side_multiple = multiples(_DOUBLINGS)

    def __init__(
        self,
        facts: DataFacts,
        channels: Width = 64,
        norm: Literal["batch", "layer", "instance", "none"] = "batch",
        spectral_norm: bool = False,
        dropout: Dropout = 0.0,
        image_bias: bool = False,
        kernel_size: KernelSize = 4,
        stages: Stages | None = None,
        conditioning: Conditioning = "none",
        packing: Packing = 1,
        minibatch: Minibatch = "none",
    ) -> None:
        super().__init__(facts, conditioning, packing, minibatch)
        halvings = stages or _DOUBLINGS[facts.shorter_side]
        end = _sizes(facts, halvings, kernel_size)[-1]
        widths = [channels * 2**stage for stage in range(halvings)]
        bias = norm == "none"
        layers: list[nn.Module] = []
        for depth, (fan_in, fan_out) in enumerate(pairwise([self.input_channels + self.seen_classes, *widths])):
            has_bias = bias or (image_bias and not depth)
            padding = (kernel_size - 1) // 2
            layers.append(nn.Conv2d(fan_in, fan_out, kernel_size, stride=2, padding=padding, bias=has_bias))
            layers += _norm_and_activation(norm if depth else "none", fan_out, nn.LeakyReLU(0.2, inplace=True))
            layers += [nn.Dropout2d(dropout)] if dropout else []
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.add_heads(widths[-1] * end[0] * end[1], bias=bias)
        draw_weights(self, gains=True)
        if spectral_norm:
            normalize_spectrally(self, embeddings=True)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the last hidden layer, flattened: ``(B, F)``; concatenation uses labels ``(B,)``."""
        features: Tensor = self.layers(self.with_planes(images, labels))
        return features

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse sizes that do not halve; warn of batch norm with a penalty on the gradient of each sample."""
        yield from super().check(key, options, config)
        yield from _check_stages(key, config)
        if option(config, key, "norm") == "batch":
            yield from check_gradients_of_samples(f"{key}.norm", "layer, instance or none", config)


def _sizes(facts: DataFacts, stages: int, kernel_size: int, upsampling: str = "transposed") -> list[tuple[int, int]]:
    """Return the sizes of the images and of the feature maps after each halving, if these layers can double them."""
    sizes = halved_sizes(facts, stages)
    if not (kernel_size == 5 and upsampling == "transposed"):
        for (height, width), (smaller, narrower) in pairwise(sizes):
            if (height, width) != (2 * smaller, 2 * narrower):
                text = f"{height} x {width} pixels cannot be halved; take fewer stages, or kernel_size=5"
                raise ConfigError(f"model: {text}, which rounds odd sizes up")
    return sizes


def _check_stages(key: str, config: ConfigView) -> Iterator[Problem]:
    """Refuse a number of stages for which the sizes of the feature maps would have to be odd."""
    stages, sides = option(config, key, "stages"), image_sides(config)
    if not (isinstance(stages, int) and sides):
        return
    rounds_up = option(config, key, "kernel_size") == 5 and option(config, key, "upsampling") != "nearest"
    if not rounds_up and any(side % 2**stages for side in sides):
        text = f"{' x '.join(map(str, sorted(set(sides))))} pixels cannot be halved {stages} times"
        yield Problem(f"{key}.stages", f"{text}; take fewer, or kernel_size=5, which rounds odd sizes up")


def _doubling(
    upsampling: str, kernel_size: int, size: tuple[int, int], fan_in: int, fan_out: int, bias: bool
) -> list[nn.Module]:
    """Return the layers to feature maps of ``size``, which is twice that of their input, or one less."""
    if upsampling == "transposed" and kernel_size == 5:
        odd = (1 - size[0] % 2, 1 - size[1] % 2)
        return [nn.ConvTranspose2d(fan_in, fan_out, 5, stride=2, padding=2, output_padding=odd, bias=bias)]
    if upsampling == "transposed":
        return [nn.ConvTranspose2d(fan_in, fan_out, 4, stride=2, padding=1, bias=bias)]
    return [nn.Upsample(scale_factor=2.0), nn.Conv2d(fan_in, fan_out, 3, padding=1, bias=bias)]


def rectifier(slope: float) -> nn.Module:
    """Return the activation of this slope below 0."""
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)


def _norm_and_activation(norm: str, channels: int, activation: nn.Module) -> list[nn.Module]:
    if norm == "batch":
        return [nn.BatchNorm2d(channels), activation]
    if norm == "virtual":
        return [VirtualBatchNorm(channels), activation]
    if norm == "layer":
        return [nn.GroupNorm(1, channels), activation]
    if norm == "instance":
        return [nn.InstanceNorm2d(channels, affine=True), activation]
    return [activation]
