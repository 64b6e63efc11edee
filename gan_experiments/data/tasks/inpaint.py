"""Inpainting: missing parts of images."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from gan_experiments.core.images import movable
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import Share
from gan_experiments.data.tasks.base import Task, grey_level

HOLE = 128  # grey level of what is missing


class Inpaint(Task):
    """The inputs are images with a grey square, anew whenever an image is shown.

    Args:
        size: Its height and width as a share of the image's.
        mask: Where it is: in the middle, or anywhere.
    """

    def __init__(self, size: Share = 0.5, mask: Literal["centre", "random"] = "random") -> None:
        self.size = size
        self.mask = mask

    def __call__(self, images: Tensor, rng: Stream) -> Tensor:
        """Return images ``(B, C, H, W)`` with a hole."""
        place = rng.uniform(len(images), 2) if self.mask == "random" else torch.full((len(images), 2), 0.5)
        inside = [
            self._inside(length, place[:, axis].to(images.device)) for axis, length in enumerate(images.shape[-2:])
        ]
        hole = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]
        filled = images.new_full((), HOLE * int(grey_level(images)))
        return torch.where(hole, movable(filled), movable(images)).view(images.dtype)

    def _inside(self, length: int, place: Tensor) -> Tensor:
        """Return which of ``length`` lines are in the hole of each image: bool ``(B, length)``."""
        side = max(1, round(self.size * length))
        first = (place * (length - side + 1)).long().clamp_max(length - side)[:, None]
        line = torch.arange(length, device=place.device)
        return (line >= first) & (line < first + side)
