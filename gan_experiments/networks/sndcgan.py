"""SNDCGAN (Miyato et al. 2018, table 3): plain convolutions with spectral normalization in the discriminator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.network_rules import check_gradients_of_samples
from gan_experiments.core.rules import option
from gan_experiments.core.types import DataFacts, Packing, Width
from gan_experiments.networks.conditioning import ConditionalDiscriminator, Conditioning, LayeredGenerator
from gan_experiments.networks.dcgan import Slope, rectifier
from gan_experiments.networks.layers import draw_weights, normalize_spectrally
from gan_experiments.networks.minibatch import Minibatch
from gan_experiments.networks.sizes import multiples, smallest_maps

_DOUBLINGS = {8: 2, 16: 2, 28: 2, 32: 3, 48: 3, 64: 3}  # of feature maps, by image size


class SNDCGANGenerator(LayeredGenerator):
    """Latents to images: a projection, transposed 4x4 convolutions of stride 2, one 3x3 convolution; tanh at the end.

    If conditional, the one-hot class is appended to the latent.

    Args:
        facts: Size, channels and classes of the images.
        latent_dim: Length of a latent vector.
        channels: Channels of the layer nearest the image; they double with every halving of the size.
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
        latent_dim: Width = 128,
        channels: Width = 64,
        conditional: bool = False,
    ) -> None:
        super().__init__(facts, latent_dim, conditional)
        doublings = _DOUBLINGS[facts.shorter_side]
        start = smallest_maps(facts, doublings)
        widths = [channels * 2**stage for stage in reversed(range(doublings + 1))]
        layers: list[nn.Module] = [
            nn.Linear(self.input_dim, widths[0] * start[0] * start[1]),
            nn.Unflatten(1, (widths[0], *start)),
        ]
        for fan_in, fan_out in pairwise(widths):
            layers.append(nn.ConvTranspose2d(fan_in, fan_out, 4, stride=2, padding=1))
            layers += [nn.BatchNorm2d(fan_out), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], facts.channels, 3, padding=1), nn.Tanh())
        draw_weights(self)


class SNDCGANDiscriminator(ConditionalDiscriminator):
    """Images to logits: alternating 3x3 convolutions and 4x4 convolutions of stride 2.

    Args:
        facts: Size, channels and classes of the images.
        channels: Channels of the layer nearest the image; they double with every halving of the size.
        norm: Normalization after every convolution.
        slope: Slope of the activations below 0; 0: ReLU, as in StudioGAN's DCGAN.
        spectral_norm: Divide every weight by its largest singular value.
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
        norm: Literal["none", "batch"] = "none",
        slope: Slope = 0.1,
        spectral_norm: bool = True,
        conditioning: Conditioning = "none",
        packing: Packing = 1,
        minibatch: Minibatch = "none",
    ) -> None:
        super().__init__(facts, conditioning, packing, minibatch)
        halvings = _DOUBLINGS[facts.shorter_side]
        end = smallest_maps(facts, halvings)
        layers: list[nn.Module] = []
        fan_in = self.input_channels + self.seen_classes
        for width in (channels * 2**stage for stage in range(halvings)):
            layers += [nn.Conv2d(fan_in, width, 3, padding=1), *_norm_and_activation(norm, width, slope)]
            layers += [nn.Conv2d(width, width, 4, stride=2, padding=1), *_norm_and_activation(norm, width, slope)]
            fan_in = width
        last = channels * 2**halvings
        layers += [nn.Conv2d(fan_in, last, 3, padding=1), *_norm_and_activation(norm, last, slope)]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.add_heads(last * end[0] * end[1])
        draw_weights(self)
        if spectral_norm:
            normalize_spectrally(self, embeddings=True)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the last feature map, flattened: ``(B, F)``; concatenation uses labels ``(B,)``."""
        features: Tensor = self.layers(self.with_planes(images, labels))
        return features

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Warn of batch norm with a penalty on the gradient of each sample."""
        yield from super().check(key, options, config)
        if option(config, key, "norm") == "batch":
            yield from check_gradients_of_samples(f"{key}.norm", "none", config)


def _norm_and_activation(norm: str, channels: int, slope: float) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels)] * (norm == "batch") + [rectifier(slope)]
