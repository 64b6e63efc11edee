"""The order in which a run sees its data: endless, stateless, open to a start anywhere."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.randomness import Stream


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
        self._epochs: dict[int, Tensor] = {}

    def indices(self, start: int, count: int) -> Tensor:
        """Return the image indices at positions ``start`` to ``start + count``: ``(count,)``, int64."""
        pieces = [torch.empty(0, dtype=torch.int64)]
        while count > 0:
            epoch, offset = divmod(start, self._num_images)
            piece = self._permutation(epoch)[offset : offset + count]
            pieces.append(piece)
            start, count = start + len(piece), count - len(piece)
        return torch.cat(pieces)

    def _permutation(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            # Ranks of one batch lie at most one epoch apart, and the past is never asked for again.
            self._epochs = {known: order for known, order in self._epochs.items() if abs(known - epoch) == 1}
            self._epochs[epoch] = Stream(self._seed, "order", epoch).permutation(self._num_images)
        return self._epochs[epoch]
