"""Random horizontal flips and random crops of training images."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.images import movable
from gan_experiments.core.randomness import Stream

_BLOCK = 4096  # positions whose random numbers are drawn together


class RandomFlipCrop:
    """Random horizontal flip and random crop with reflection padding, as a function of seed and position.

    The parameters of an image depend on the seed and on its position in the order of the run alone, so they are the
    same for any batch size and number of processes, and after a resume.

    Args:
        horizontal_flip: Mirror each image left to right with probability 1/2.
        random_crop: Largest shift in pixels: the padding of the image that a crop of its original size is taken from.
        seed: The run's seed.

    Attributes:
        max_shift: The largest shift.
    """

    def __init__(self, horizontal_flip: bool, random_crop: int, seed: int) -> None:
        self._flip = horizontal_flip
        self.max_shift = random_crop
        self._seed = seed
        self._blocks: dict[int, Tensor] = {}

    def __call__(self, images: Tensor, position: int) -> Tensor:
        """Transform the images ``(B, C, H, W)`` at positions ``position`` to ``position + B``."""
        if not (self._flip or self.max_shift):
            return images
        drawn = self._drawn(position, len(images)).to(images.device, non_blocking=True)
        if self._flip:
            mirrored = (drawn[:, 0] < 0.5).view(-1, 1, 1, 1)
            given, kind = movable(images), images.dtype
            images = torch.where(mirrored, given.flip(-1), given).view(kind)
        if self.max_shift:
            shifts = (drawn[:, 1:] * (2 * self.max_shift + 1)).long() - self.max_shift
            for axis, shift in ((-2, shifts[:, 0]), (-1, shifts[:, 1])):
                images = _shifted(images, shift, axis)
        return images

    def reseeded(self, seed: int) -> RandomFlipCrop:
        """Return the same with other random numbers."""
        return RandomFlipCrop(self._flip, self.max_shift, seed)

    def _drawn(self, start: int, count: int) -> Tensor:
        """Return three uniform random numbers for each position: ``(count, 3)``."""
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
    indices = torch.arange(size, device=images.device) + shift.view(-1, 1)
    indices = (size - 1) - (size - 1 - indices.abs()).abs()  # reflected at both edges
    shape = (-1, 1, size, 1) if axis == -2 else (-1, 1, 1, size)
    return images.gather(axis, indices.view(shape).expand(images.shape))
