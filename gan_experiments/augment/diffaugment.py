"""DiffAugment: differentiable colour, translation and cutout."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.contracts import Augmentation
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts, Fraction


class DiffAugment(Augmentation):
    """Differentiable augmentation (Zhao et al. 2020): brightness, saturation, contrast; translation; cutout.

    Args:
        facts: Size of the images.
        p: Share of the images that are augmented; 1 as published.
        color: Whether to change colours.
        translation: Largest translation relative to the image size, with grey padding; 0: none.
        cutout: Height and width of the grey hole relative to those of the image; 0: none.

    Raises:
        ConfigError: The images are points.
    """

    def __init__(
        self,
        facts: DataFacts,
        p: Fraction = 1.0,
        color: bool = True,
        translation: Fraction = 0.125,
        cutout: Fraction = 0.5,
    ) -> None:
        super().__init__()
        if facts.image_size == 1:
            raise ConfigError(f"augment.diffaugment: supports images only; {facts.name} has points")
        self.p = p
        self.color = color
        self.translation = translation
        self.cutout = cutout

    def forward(self, images: Tensor, rng: Stream, images_seen: int) -> Tensor:
        """Return augmented images ``(B, C, H, W)``."""
        precision = torch.promote_types(images.dtype, torch.float32)  # in bfloat16 a number below 1 may become 1
        drawn = rng.uniform(len(images), 8)[:, :, None, None, None].to(precision)  # (B, 8, 1, 1, 1)
        chosen, (brightness, saturation, contrast), moves, centre = (
            drawn[:, 0], drawn[:, 1:4].unbind(1), drawn[:, 4:6, 0, 0, 0], drawn[:, 6:8, 0, 0, 0],
        )  # fmt: skip
        augmented = images
        if self.color:
            augmented = augmented + (brightness - 0.5)
            augmented = _around(augmented.mean(dim=1, keepdim=True), augmented, 2 * saturation)
            augmented = _around(augmented.mean(dim=(1, 2, 3), keepdim=True), augmented, 0.5 + contrast)
        if self.translation:
            augmented = _translated(augmented, moves, self.translation)
        if self.cutout:
            augmented = augmented * _outside(augmented, centre, self.cutout)
        return torch.where(chosen < self.p, augmented.to(images.dtype), images)


def _around(centre: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    """Scale the distance of images from ``centre``."""
    return centre + (images - centre) * factor


def _translated(images: Tensor, moves: Tensor, ratio: float) -> Tensor:
    """Translate images by whole pixels; ``moves`` in [0, 1), ``(B, 2)``, spans the range."""
    channels, height, width = images.shape[1:]
    lines = []
    for axis, size in enumerate((height, width)):
        reach = int(size * ratio + 0.5)
        shift = (moves[:, axis, None] * (2 * reach + 1)).long() - reach
        lines.append(torch.arange(size, device=images.device) - shift)  # (B, size)
    rows, columns = lines
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    source = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    source = source.flatten(1)[:, None].expand(-1, channels, -1)
    return images.flatten(2).gather(2, source).view(images.shape) * inside[:, None]


def _outside(images: Tensor, centre: Tensor, ratio: float) -> Tensor:
    """Return a mask ``(B, 1, H, W)``: 0 in a hole around ``centre`` ``(B, 2)``, in [0, 1) of the image; 1 outside."""
    holes = []
    for axis, size in enumerate(images.shape[2:]):
        side = int(size * ratio + 0.5)
        # As published: the centre may be any pixel, and one more if the side is even, so the hole may be cut off.
        first = (centre[:, axis, None] * (size + 1 - side % 2)).long() - side // 2
        line = torch.arange(size, device=images.device)
        holes.append((line >= first) & (line < first + side))
    rows, columns = holes
    return (~(rows[:, :, None] & columns[:, None, :]))[:, None].to(images.dtype)
