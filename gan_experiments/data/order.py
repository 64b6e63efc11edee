"""Data order: an endless stateless shuffle that can start at any position."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream


class Order:
    """An endless sequence of image indices: one random permutation of the dataset per epoch.

    Of ``n`` images, position ``p`` is entry ``p % n`` of the permutation of epoch ``p // n``, which is a function of
    the seed and the epoch alone. So the order does not depend on the batch size, the start of a run or the number of
    processes, and a batch may straddle two epochs.
    """

    def __init__(self, num_images: int, seed: int) -> None:
        self._num_images = num_images
        self._seed = seed
        self._permuted = ("order", num_images)
        self._epochs: dict[int, Tensor] = {}

    def indices(self, start: int, count: int) -> Tensor:
        """Return the image indices at positions ``start`` to ``start + count``: ``(count,)``, int64."""
        pieces = [torch.empty(0, dtype=torch.int64)]
        while count > 0:
            piece = self._from(start)[:count]
            pieces.append(piece)
            start, count = start + len(piece), count - len(piece)
        return torch.cat(pieces)

    def _from(self, position: int) -> Tensor:
        """Return the indices from ``position`` to the end of its permutation."""
        epoch, offset = divmod(position, self._num_images)
        return self._permutation(epoch)[offset:]

    def _permutation(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            # The processes of one batch are at most one epoch apart, and never go back.
            self._epochs = {other: order for other, order in self._epochs.items() if abs(other - epoch) == 1}
            name, count = self._permuted
            self._epochs[epoch] = Stream(self._seed, name, epoch).permutation(count)
        return self._epochs[epoch]


class ShardOrder(Order):
    """An endless sequence of image indices that reads only a few shards at a time.

    In every epoch the shards are permuted and split into groups, and the images of each group are permuted. So memory
    grows with the size of a group, not of the dataset.

    Args:
        sizes: Number of images in each shard, int64 ``(S,)``; images are numbered across the shards.
        group_size: Number of shards in a group.
        seed: The run's seed.
    """

    def __init__(self, sizes: Tensor, group_size: int, seed: int) -> None:
        super().__init__(int(sizes.sum()), seed)
        self._permuted = ("shards", len(sizes))
        self._sizes = sizes
        self._starts = sizes.cumsum(0) - sizes
        self._group_size = group_size
        self._groups: dict[tuple[int, int], Tensor] = {}

    def _from(self, position: int) -> Tensor:
        epoch, offset = divmod(position, self._num_images)
        ends = self._sizes[self._permutation(epoch)].cumsum(0)[self._group_size - 1 :: self._group_size].contiguous()
        group = int(torch.searchsorted(ends, offset, right=True))
        begins = int(ends[group - 1]) if group else 0
        return self._group(epoch, group)[offset - begins :]

    def _group(self, epoch: int, group: int) -> Tensor:
        key = (epoch, group)
        if key not in self._groups:
            self._groups = dict(list(self._groups.items())[-1:])  # a batch spans at most two groups
            shards = self._permutation(epoch)[group * self._group_size :][: self._group_size].tolist()
            images = torch.cat([self._starts[shard] + torch.arange(int(self._sizes[shard])) for shard in shards])
            self._groups[key] = images[Stream(self._seed, "order", epoch, group).permutation(len(images))]
        return self._groups[key]
