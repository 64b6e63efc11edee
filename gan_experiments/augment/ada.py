"""Adaptive discriminator augmentation (StyleGAN2-ADA).

B: batch, C: channels, H, W: height and width in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise, repeat
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from gan_experiments.augment.adaptive import Adaptive, Sign
from gan_experiments.augment.warp import Warp, blit, mirror_pad
from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.randomness import Stream
from gan_experiments.core.rules import check_colours
from gan_experiments.core.types import ConfigError, DataFacts, Fraction, PositiveInt

_BANDS = 4
_BAND_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)  # relative power of the bands in natural images
_CROSS = ((0.0, -1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 1.0, 0.0))  # product with the luma axis, times sqrt(3)
_UNIFORM, _NORMAL = 29, 12  # random numbers per image that all changes use together


class Draw:
    """The random numbers of a batch, consumed in order, and the probability of each change.

    Args:
        rng: Source of the numbers.
        batch: Number of images.
        p: Probability, a scalar on the device.
    """

    def __init__(self, rng: Stream, batch: int, p: Tensor) -> None:
        self._uniform = iter(rng.uniform(batch, _UNIFORM).unbind(1))
        self._normal = iter(rng.normal(batch, _NORMAL).unbind(1))
        self._p = p

    def chosen(self, share: float = 1.0, half: bool = False) -> Tensor:
        """Draw which images to change, bool ``(B,)``, with ``share * p``; if ``half``, two draws together have that."""
        p = share * self._p
        return next(self._uniform) < (1 - (1 - p).sqrt() if half else p)

    def uniform(self) -> Tensor:
        """Return uniform numbers in [0, 1): ``(B,)``."""
        return next(self._uniform)

    def normal(self) -> Tensor:
        """Return standard normal numbers: ``(B,)``."""
        return next(self._normal)

    def factor(self, octaves: float, chosen: Tensor) -> Tensor:
        """Return log-normal factors with a standard deviation of ``octaves``; 1 where not chosen: ``(B,)``."""
        return torch.exp2(octaves * self.normal() * chosen)

    def angle(self, chosen: Tensor) -> Tensor:
        """Return uniform angles in [-pi, pi); 0 where not chosen: ``(B,)``."""
        return (2 * self.uniform() - 1) * math.pi * chosen


class ADA(Adaptive):
    """Adaptive discriminator augmentation (Karras et al. 2020, "Training GANs with limited data", appendix B).

    Each change is applied to each image with probability p times the share of its group; a share of 0 turns the group
    off. An image without a change is returned unchanged, bit for bit.

    Args:
        facts: Size and channels of the images.
        p: Initial probability.
        target: Target of the mean sign of outputs for reals; ``None`` keeps p constant.
        interval: Discriminator steps between two changes of p.
        images: Images seen over which p can change from 0 to 1.
        blit: Mirroring, quarter turns, integer translation.
        geometric: Scaling, rotation, anisotropic scaling, fractional translation.
        color: Brightness, contrast, luma inversion, hue, saturation.
        filter: Amplification of frequency bands.
        noise: Gaussian noise.
        cutout: A grey hole of half the height and width.

    Raises:
        ConfigError: The images have other than one or three channels.
    """

    bands: Tensor
    power: Tensor
    cross: Tensor

    def __init__(
        self,
        facts: DataFacts,
        p: Fraction = 0.0,
        target: Sign | None = 0.6,
        interval: PositiveInt = 4,
        images: PositiveInt = 500_000,
        blit: Fraction = 1.0,
        geometric: Fraction = 1.0,
        color: Fraction = 1.0,
        filter: Fraction = 0.0,
        noise: Fraction = 0.0,
        cutout: Fraction = 0.0,
    ) -> None:
        super().__init__(p, target, interval, images)
        if facts.channels not in (1, 3):
            raise ConfigError(f"augment.ada: supports images of 1 or 3 channels; {facts.name} has {facts.channels}")
        self.shares = {"blit": blit, "geometric": geometric, "color": color, "filter": filter}
        self.shares |= {"noise": noise, "cutout": cutout}
        self.warp = Warp((facts.height, facts.width))
        self.register_buffer("bands", _band_filters(), persistent=False)
        self.register_buffer("power", torch.tensor(_BAND_POWER), persistent=False)
        self.register_buffer("cross", torch.tensor(_CROSS) / math.sqrt(3), persistent=False)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse images that are neither grey nor RGB."""
        yield from super().check(key, options, config)
        yield from check_colours(key, config)

    def forward(self, images: Tensor, rng: Stream, images_seen: int) -> Tensor:
        """Return augmented images ``(B, C, H, W)``."""
        draw = Draw(rng, len(images), self.p)
        with torch.autocast(images.device.type, enabled=False):
            values = images.to(torch.promote_types(images.dtype, torch.float32))
            changes = (self._blit, self._geometric, self._color, self._filter, self._noise, self._cutout)
            for (_, share), change in zip(self.shares.items(), changes, strict=True):
                if share:
                    values = change(values, draw, share, rng)
            return values.to(images.dtype)

    def _blit(self, images: Tensor, draw: Draw, share: float, rng: Stream) -> Tensor:
        flip = draw.chosen(share) & (draw.uniform() < 0.5)
        quarters = (4 * draw.uniform()).long() * draw.chosen(share)
        shift = torch.stack([(2 * draw.uniform() - 1) * (0.125 * side) for side in images.shape[2:]], dim=1)
        return blit(images, flip, quarters, shift.round().long() * draw.chosen(share)[:, None])

    def _geometric(self, images: Tensor, draw: Draw, share: float, rng: Stream) -> Tensor:
        """Scale, rotate, stretch, rotate, translate: in this order."""
        scaled, before, stretched, after, moved = (
            draw.chosen(share), draw.chosen(share, half=True), draw.chosen(share), draw.chosen(share, half=True),
            draw.chosen(share),
        )  # fmt: skip
        scale, stretch = draw.factor(0.2, scaled), draw.factor(0.2, stretched)
        unscale = torch.diag_embed(torch.stack([1 / scale, 1 / scale], dim=1))
        unstretch = torch.diag_embed(torch.stack([stretch, 1 / stretch], dim=1))
        turn_back, turn_back_first = _rotation(-draw.angle(after)), _rotation(-draw.angle(before))
        shift = torch.stack([0.125 * side * draw.normal() for side in images.shape[2:]], dim=1) * moved[:, None]
        matrix = unscale @ turn_back_first @ unstretch @ turn_back
        warped = self.warp(images, matrix.to(images.dtype), shift.to(images.dtype))
        return _where(scaled | before | stretched | after | moved, warped, images)

    def _color(self, images: Tensor, draw: Draw, share: float, rng: Stream) -> Tensor:
        """Apply an affine map to colours; the luma axis is (1, 1, 1)."""
        brighter, contrasted, inverted, turned, saturated = (draw.chosen(share) for _ in range(5))
        luma = images.new_full((3, 3), 1 / 3)  # projection onto the luma axis
        identity = torch.eye(3, device=images.device, dtype=images.dtype)
        brightness = 0.2 * draw.normal() * brighter
        contrast = draw.factor(0.5, contrasted)
        flip = (draw.uniform() < 0.5) & inverted
        cosine, sine = (angle := draw.angle(turned)).cos(), angle.sin()
        saturation = draw.factor(1.0, saturated)
        # Hue rotates about the luma axis and saturation scales across it; neither changes luma.
        along = (contrast * (1 - 2 * flip.to(contrast.dtype)))[:, None, None] * luma
        across = cosine[:, None, None] * (identity - luma) + sine[:, None, None] * self.cross
        matrix = (along + (contrast * saturation)[:, None, None] * across).to(images.dtype)
        offset = (contrast * (1 - 2 * flip.to(contrast.dtype)) * brightness)[:, None, None].to(images.dtype)
        pixels = images.flatten(2).expand(-1, 3, -1)
        mapped = matrix @ pixels + offset
        if images.shape[1] == 1:
            mapped = mapped.mean(dim=1, keepdim=True)
        return _where(brighter | contrasted | flip | turned | saturated, mapped.view(images.shape), images)

    def _filter(self, images: Tensor, draw: Draw, share: float, rng: Stream) -> Tensor:
        """Amplify frequency bands, normalized to keep the mean power of a natural image."""
        power = self.power.to(images.dtype)
        gains, any_chosen = images.new_ones(len(images), _BANDS), torch.zeros_like(images[:, 0, 0, 0], dtype=torch.bool)
        for band in range(_BANDS):
            chosen = draw.chosen(share)
            one = torch.ones_like(gains)
            one[:, band] = draw.factor(1.0, chosen).to(images.dtype)
            gains = gains * one / (power * one.square()).sum(dim=1, keepdim=True).sqrt()
            any_chosen = any_chosen | chosen
        taps = gains @ self.bands.to(images.dtype)  # (B, K)
        batch, channels = images.shape[:2]
        padded = mirror_pad(images, taps.shape[1] // 2).flatten(0, 1)[None]
        taps = taps.repeat_interleave(channels, dim=0)[:, None]
        for weight in (taps[:, :, :, None], taps[:, :, None, :]):
            padded = conv2d(padded, weight, groups=batch * channels)
        return _where(any_chosen, padded.view(images.shape), images)

    def _noise(self, images: Tensor, draw: Draw, share: float, rng: Stream) -> Tensor:
        chosen = draw.chosen(share)
        sigma = 0.1 * draw.normal().abs()
        noise = sigma[:, None, None, None] * rng.normal(*images.shape)
        return _where(chosen, images + noise.to(images.dtype), images)

    def _cutout(self, images: Tensor, draw: Draw, share: float, rng: Stream) -> Tensor:
        chosen = draw.chosen(share)
        lines = ((torch.arange(size, device=images.device) + 0.5) / size for size in images.shape[2:])
        rows, columns = ((line - draw.uniform()[:, None]).abs() < 0.25 for line in lines)
        hole = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
        return images.masked_fill(hole[:, None], 0.0)


def _rotation(angle: Tensor) -> Tensor:
    """Return rotation matrices on vectors (down, right), counter-clockwise on the screen: ``(B, 2, 2)``."""
    cosine, sine = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cosine, -sine], dim=1), torch.stack([sine, cosine], dim=1)], dim=1)


def _where(chosen: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    """Return the changed images where chosen, else the originals, bit for bit and with their gradient."""
    return torch.where(chosen[:, None, None, None], changed, images)


def _band_filters() -> Tensor:
    """Return filters of the octave bands 0 .. pi/8 .. pi/4 .. pi/2 .. pi whose sum is the identity: ``(4, K)``.

    The low-pass filter is the autocorrelation of the wavelet sym2. Dilated by 1, 2 and 4 and applied in sequence, it
    halves the band three times.
    """
    root = math.sqrt(3)
    wavelet = torch.tensor([1 + root, 3 + root, 3 - root, 1 - root], dtype=torch.float64) / 8
    low = _convolved(wavelet, wavelet.flip(0))
    stretched = [_stretched(low, 2**octave) for octave in range(_BANDS - 1)]
    passes = [torch.ones(1, dtype=torch.float64), *accumulate(stretched, _convolved)]
    length = len(passes[-1])
    padded = [nn.functional.pad(taps, 2 * [(length - len(taps)) // 2]) for taps in passes]
    bands = [wide - narrow for wide, narrow in pairwise(padded)]
    return torch.stack([padded[-1], *bands[::-1]]).float()


def _convolved(one: Tensor, other: Tensor) -> Tensor:
    return conv2d(one[None, None, None], other.flip(0)[None, None, None], padding=(0, len(other) - 1)).flatten()


def _stretched(taps: Tensor, factor: int) -> Tensor:
    """Dilate a filter: insert zeros between its taps."""
    spread = torch.stack([taps, *repeat(torch.zeros_like(taps), factor - 1)], dim=1).flatten()
    return spread[: 1 - factor or None]
