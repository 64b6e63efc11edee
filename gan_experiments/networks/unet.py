"""U-Net translator of pix2pix."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad, relu

from gan_experiments.core.randomness import Stream
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import ConfigError, DataFacts, Width
from gan_experiments.networks.translation_layers import Norm, dropout, initialize, norm_layer

_SMALLEST, _LARGEST = 4, 1024  # pixels
_DROPPED_FROM = 4  # the first stage with dropout, counted from the image, of networks with six stages or more


class UNetTranslator(Translator):
    """Halvings down to one pixel, doublings back, and skips between stages of one size (Isola et al. 2017, 6.1.1).

    The stages go to one pixel for images of any size: other sizes than powers of two are padded to the next one, and
    the longer side of rectangles to a multiple of that. The noise is dropout in the inner stages, in training only.

    Args:
        facts: Size and channels of inputs and images.
        channels: Of the stage nearest the image; doubles with every halving, up to eight times as many.
        norm: Normalization of all stages but the outermost and the innermost; instance norm of a single pixel does not
            exist.
        noise: Whether there is dropout.
    """

    side_multiple = 1

    def __init__(self, facts: DataFacts, channels: Width = 64, norm: Norm = "batch", noise: bool = True) -> None:
        super().__init__(facts)
        size = facts.shorter_side
        if not _SMALLEST <= size <= _LARGEST:
            sizes = f"images of {_SMALLEST} to {_LARGEST} pixels"
            raise ConfigError(f"model.generator: a U-Net takes {sizes}; {facts.name} has {size}")
        stages = (size - 1).bit_length()
        self.multiple, self.any_size = 2**stages, False
        widths = [channels * min(2**stage, 8) for stage in range(stages)]
        bias = norm != "batch"  # batch norm has a shift of its own
        down_norms = [norm if 0 < stage < stages - 1 else "none" for stage in range(stages)]
        up_norms = [norm if stage else "none" for stage in range(stages)]
        ins, outs = [self.input_channels, *widths[:-1]], [facts.channels, *widths[:-1]]
        self.down = nn.ModuleList(
            nn.Conv2d(each, width, 4, 2, 1, bias=bias) for each, width in zip(ins, widths, strict=True)
        )
        self.down_norm = nn.ModuleList(norm_layer(each, width) for each, width in zip(down_norms, widths, strict=True))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(width * (1 if stage == stages - 1 else 2), out, 4, 2, 1, bias=bias or not stage)
            for stage, (width, out) in enumerate(zip(widths, outs, strict=True))
        )
        self.up_norm = nn.ModuleList(norm_layer(each, out) for each, out in zip(up_norms, outs, strict=True))
        first = _DROPPED_FROM if stages > _DROPPED_FROM + 1 else max(1, stages - 2)
        self._dropped = range(first, stages - 1) if noise else range(0)
        initialize(self, "normal")

    def forward(self, images: Tensor, rng: Stream | None = None) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, C, H, W)``; height and width are at most those of ``facts``."""
        height, width = images.shape[-2:]
        below, right = -height % self.multiple, -width % self.multiple
        maps, skips = pad(images, (0, right, 0, below), mode="replicate") if below or right else images, []
        for stage, (conv, norm) in enumerate(zip(self.down, self.down_norm, strict=True)):
            maps = norm(conv(leaky_relu(maps, 0.2) if stage else maps))
            skips.append(maps)
        maps = skips.pop()
        for stage in reversed(range(len(self.up))):
            maps = self.up_norm[stage](self.up[stage](relu(maps)))
            if rng is not None and stage in self._dropped:
                maps = dropout(maps, rng)
            if stage:
                maps = torch.cat([skips.pop(), maps], 1)
        return torch.tanh(maps)[..., :height, :width]
