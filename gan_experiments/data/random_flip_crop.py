"""Flips and shifts of training images, a function of the seed and the position in the order of the run."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream

_BLOCK = 4096  # positions whose numbers are drawn at once


class RandomFlipCrop:
    """Shows each image as it is, mirrored, or shifted by a few pixels.

    What happens to the image at a position depends on the seed and the position alone, so that it is the same for any
    batch size and number of processes, and after a resume.

    Args:
        horizontal_flip: Mirror every other image, by chance, from left to right.
        random_crop: Largest shift in pixels, both ways; what comes into view is the image reflected at its edge, as
            a crop from an image padded by that much would show it.
        seed: Of the run.
    """

    def __init__(self, horizontal_flip: bool, random_crop: int, seed: int) -> None:
        self._flip = horizontal_flip
        self._reach = random_crop
        self._seed = seed
        self._blocks: dict[int, Tensor] = {}

    def __call__(self, images: Tensor, position: int) -> Tensor:
        """Return the views of images ``(B, C, H, W)`` that stand at ``position`` to ``position + B``."""
        if not (self._flip or self._reach):
            return images
        drawn = self._drawn(position, len(images)).to(images.device, non_blocking=True)
        if self._flip:
            mirrored = (drawn[:, 0] < 0.5).view(-1, 1, 1, 1)
            images = torch.where(mirrored, images.flip(-1), images)
        if self._reach:
            shifts = (drawn[:, 1:] * (2 * self._reach + 1)).long() - self._reach
            for axis, shift in ((-2, shifts[:, 0]), (-1, shifts[:, 1])):
                images = _shifted(images, shift, axis)
        return images

    def _drawn(self, start: int, count: int) -> Tensor:
        """Return uniform numbers of each position: ``(count, 3)``."""
        first, last = start // _BLOCK, (start + count - 1) // _BLOCK
        self._blocks = {block: self._block(block) for block in range(first, last + 1)}
        drawn = torch.cat(list(self._blocks.values()))
        return drawn[start - first * _BLOCK :][:count]

    def _block(self, block: int) -> Tensor:
        if block in self._blocks:
            return self._blocks[block]
        return Stream(self._seed, "views", block).uniform(_BLOCK, 3)


def _shifted(images: Tensor, shift: Tensor, axis: int) -> Tensor:
    size = images.shape[axis]
    places = torch.arange(size, device=images.device) + shift.view(-1, 1)
    places = (size - 1) - (size - 1 - places.abs()).abs()  # reflected at both edges
    shape = (-1, 1, size, 1) if axis == -2 else (-1, 1, 1, size)
    return images.gather(axis, places.view(shape).expand(images.shape))
