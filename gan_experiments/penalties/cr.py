"""Consistency regularization (CR) of the discriminator on reals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Penalty, Step
from gan_experiments.core.precision import in_float32
from gan_experiments.core.randomness import Stream
from gan_experiments.core.rules import check_within_image
from gan_experiments.core.types import NonNegativeFloat, NonNegativeInt, PositiveInt
from gan_experiments.penalties.gradient import scores


def flip_and_shift(images: Tensor, rng: Stream, flip: bool, shift: int) -> Tensor:
    """Mirror each image with probability 1/2 and shift it by up to ``shift`` pixels each way, with reflected edges.

    Args:
        images: ``(B, C, H, W)``.
        rng: Draws flips and shifts, per sample.
        flip: Whether to mirror at all.
        shift: Largest shift in pixels.
    """
    batch, _, height, width = images.shape
    moves = rng.integers(2 * shift + 1, batch, 2) - shift
    mirrored = rng.integers(2, batch, 1) == 1
    rows = _reflected(torch.arange(height, device=images.device) + moves[:, :1], height)  # (B, H)
    columns = _reflected(torch.arange(width, device=images.device) + moves[:, 1:], width)  # (B, W)
    if flip:
        columns = torch.where(mirrored, width - 1 - columns, columns)
    samples = torch.arange(batch, device=images.device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[samples, rows[:, :, None], columns[:, None, :]]  # (B, H, W, C)
    return moved.permute(0, 3, 1, 2)


def _reflected(index: Tensor, size: int) -> Tensor:
    """Reflect indices outside [0, size) at the edges, without repeating the edge pixel."""
    period = max(2 * (size - 1), 1)
    index = index.remainder(period)
    return torch.minimum(index, period - index)


class CR(Penalty):
    """The discriminator should be invariant to flips and shifts of reals (Zhang et al. 2020).

    Args:
        weight: Factor of the term.
        interval: Apply in every ``interval``-th step.
        flip: Whether the transform mirrors images; unsuitable for digits and letters.
        shift: Largest shift of the transform, in pixels.
    """

    kind: ClassVar[str] = "consistency"

    def __init__(
        self,
        weight: NonNegativeFloat = 10.0,
        interval: PositiveInt = 1,
        flip: bool = True,
        shift: NonNegativeInt = 4,
    ) -> None:
        super().__init__(weight, interval)
        self.flip = flip
        self.shift = shift

    def discriminator(self, step: Step) -> Tensor:
        """Return ``E (D(x) - D(T(x)))^2``."""
        output = step.real_output if step.full_precision else None
        return self._inconsistency(step.discriminator, step.real.detach(), step.labels, output, step.rng)

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Refuse a shift out of the image."""
        yield from super().check(key, options, config)
        yield from check_within_image(key, "shift", config)

    def _inconsistency(
        self, discriminator: nn.Module, images: Tensor, labels: Tensor | None, output: Tensor | None, rng: Stream
    ) -> Tensor:
        images = in_float32(images)
        if output is None:
            output = discriminator(images, labels)
        moved = discriminator(flip_and_shift(images, rng, self.flip, self.shift), labels)
        return (scores(output) - scores(moved)).square().mean()
