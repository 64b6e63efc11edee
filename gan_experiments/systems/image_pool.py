"""Pool of generated images: the discriminator also sees earlier ones."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gan_experiments.core.randomness import Stream


class ImagePool(nn.Module):
    """Earlier generated images: a new one takes the place of one with probability 1/2 (Shrivastava et al. 2017).

    It is one pool for all processes and part of a checkpoint, so a run on any number of processes, and one that goes
    on, shows the same images.

    Args:
        size: Images in the pool; 0: new images are shown as they are.
        shape: Of an image.
    """

    images: Tensor

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, *shape))

    @torch.no_grad()
    def forward(self, images: Tensor, step: int, rng: Stream, rank: int = 0, world_size: int = 1) -> Tensor:
        """Return, for each of the images ``(B, C, H, W)``, itself or one from the pool, whose place it takes.

        Args:
            images: This process's part of the global batch.
            step: Batches that the pool has been shown before.
            rng: Source of the choice, the same in every process.
            rank: Index of this process.
            world_size: Number of processes, which have parts of one size.
        """
        share, size = len(images), len(self.images)
        if not size:
            return images
        everyone = _gathered(images) if world_size > 1 else images
        count, filled = len(everyone), min(size, step * len(everyone))
        swapped, places = rng.uniform(count) < 0.5, (rng.uniform(count) * size).long().clamp_max(size - 1)
        shown = everyone.clone()
        for index in range(count):
            if filled < size:
                self.images[filled] = everyone[index].to(self.images.dtype)
                filled += 1
            elif swapped[index]:
                slot = int(places[index])
                shown[index] = self.images[slot].to(shown.dtype)
                self.images[slot] = everyone[index].to(self.images.dtype)
        return shown[rank * share : (rank + 1) * share]


def _gathered(images: Tensor) -> Tensor:
    parts = [torch.empty_like(images, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, images.contiguous())
    return torch.cat(parts)
