"""The order in which a run sees its data: endless, stateless, open to a start anywhere."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.core.randomness import Stream


class Order:
    """An endless sequence of image indices, one permutation of the dataset after another.

    Position ``p`` belongs to epoch ``p // n`` and is entry ``p % n`` of that epoch's permutation, which is a
    function of the seed and the epoch alone. So the order does not depend on the batch size, on where a run
    started or on how many processes share a batch, and a batch may straddle two epochs.

    Args:
        num_images: Images in the dataset, ``n``.
        seed: The run's seed.
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
            piece = self._onward(start)[:count]
            pieces.append(piece)
            start, count = start + len(piece), count - len(piece)
        return torch.cat(pieces)

    def _onward(self, position: int) -> Tensor:
        """Return the indices at ``position`` and after, as far as they are drawn together."""
        epoch, offset = divmod(position, self._num_images)
        return self._permutation(epoch)[offset:]

    def _permutation(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            # Ranks of one batch lie at most one epoch apart, and the past is never asked for again.
            self._epochs = {known: order for known, order in self._epochs.items() if abs(known - epoch) == 1}
            name, count = self._permuted
            self._epochs[epoch] = Stream(self._seed, name, epoch).permutation(count)
        return self._epochs[epoch]


class ShardOrder(Order):
    """The same for images in shards, of which only a few are read at a time.

    In every epoch the shards are permuted and taken in groups; the images of a group are permuted among each other. So
    what is drawn grows with a group, not with the dataset.

    Args:
        sizes: Images in each shard; their indices are numbered through: int64, ``(S,)``.
        together: Shards in a group.
        seed: The run's seed.
    """

    def __init__(self, sizes: Tensor, together: int, seed: int) -> None:
        super().__init__(int(sizes.sum()), seed)
        self._permuted = ("shards", len(sizes))
        self._sizes = sizes
        self._starts = sizes.cumsum(0) - sizes
        self._together = together
        self._groups: dict[tuple[int, int], Tensor] = {}

    def _onward(self, position: int) -> Tensor:
        epoch, offset = divmod(position, self._num_images)
        ends = self._sizes[self._permutation(epoch)].cumsum(0)[self._together - 1 :: self._together].contiguous()
        group = int(torch.searchsorted(ends, offset, right=True))
        begins = int(ends[group - 1]) if group else 0
        return self._group(epoch, group)[offset - begins :]

    def _group(self, epoch: int, group: int) -> Tensor:
        key = (epoch, group)
        if key not in self._groups:
            self._groups = dict(list(self._groups.items())[-1:])  # a batch lies in one group, or goes on in the next
            shards = self._permutation(epoch)[group * self._together :][: self._together].tolist()
            images = torch.cat([self._starts[shard] + torch.arange(int(self._sizes[shard])) for shard in shards])
            self._groups[key] = images[Stream(self._seed, "order", epoch, group).permutation(len(images))]
        return self._groups[key]
