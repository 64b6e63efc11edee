"""PatchGAN discriminator: a verdict on every patch of an image."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from gan_experiments.core.contracts import Discriminator
from gan_experiments.core.types import ConfigError, DataFacts, Depth, Packing, Width
from gan_experiments.networks.translation_layers import BlurDownsample, Norm, initialize, norm_layer

PUBLISHED = 3  # halvings of the 70x70 PatchGAN
_SMALLEST = 3  # pixels after the halvings: the last two layers take one each


class PatchDiscriminator(Discriminator):
    """4x4 convolutions whose outputs see patches: of 16, 34 or 70 pixels after 1, 2 or 3 halvings (Isola et al. 2017).

    Args:
        facts: Size and channels of the images.
        channels: Of the first layer; doubles with every halving, up to eight times as many.
        halvings: Layers that halve the size; ``None``: three, or as many as the image has pixels for.
        norm: Normalization of all layers but the first and the last.
        antialias: Halve with a blur (CUT) instead of strided convolutions.
        init: Initial weights: normal (pix2pix, CycleGAN) or Xavier's (CUT).
        packing: Images that it sees at a time, joined along channels (Lin et al. 2018, PacGAN).

    Raises:
        ConfigError: The images are too small.
    """

    side_multiple = 1

    def __init__(
        self,
        facts: DataFacts,
        channels: Width = 64,
        halvings: Depth | None = None,
        norm: Norm = "instance",
        antialias: bool = False,
        init: Literal["normal", "xavier"] = "normal",
        packing: Packing = 1,
    ) -> None:
        super().__init__(facts, packing)
        fitting = [count for count in range(1, 11) if facts.shorter_side >> count >= _SMALLEST]
        if not fitting or (halvings or 1) > fitting[-1]:
            most = f"at most {fitting[-1]}" if fitting else "not even one"
            text = f"{facts.name} has {facts.shorter_side} pixels, enough for {most}"
            raise ConfigError(f"model.discriminator.halvings: {text}")
        halvings = halvings or min(PUBLISHED, fitting[-1])
        widths = [channels * min(2**layer, 8) for layer in range(halvings + 1)]
        ins = [self.input_channels, *widths]
        bias = norm != "batch"  # batch norm has a shift of its own
        layers: list[nn.Module] = []
        for index, width in enumerate(widths):
            halves = index < halvings
            stride = 2 if halves and not antialias else 1
            layers.append(nn.Conv2d(ins[index], width, 4, stride, 1, bias=bias or not index))
            layers += [norm_layer(norm if index else "none", width), nn.LeakyReLU(0.2)]
            layers += [BlurDownsample()] if halves and antialias else []
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        initialize(self, init)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images ``(B, C, H, W)`` in [-1, 1] to a map of logits ``(B, 1, h, w)``."""
        logits: Tensor = self.layers(self.packed(images))
        return logits
