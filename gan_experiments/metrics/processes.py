"""Division of images among the processes that evaluate together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Processes(NamedTuple):
    """The processes of an evaluation, as one of them sees them.

    Attributes:
        rank: Rank of this process.
        world_size: Number of processes that share the images.
        between: Called between batches of images and between measures, on all processes together; what it raises ends
            the evaluation.
    """

    rank: int = 0
    world_size: int = 1
    between: Callable[[], None] = lambda: None

    def batches(self, count: int, batch_size: int) -> list[tuple[int, int]]:
        """Return this rank's consecutive batches of ``count`` images, as (start, stop); the same for any world size."""
        batches = [(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
        first, last = (len(batches) * index // self.world_size for index in (self.rank, self.rank + 1))
        # A process without images still takes part in the exchange, with an empty batch.
        return batches[first:last] or [(count, count)]

    def each_batch(self, count: int, batch_size: int) -> Iterator[tuple[int, int]]:
        """Yield ``batches``, and call ``between`` before each.

        It may exchange something with the other processes, so it is called as often as the one with the fewest batches
        can.
        """
        shared = max(1, -(-count // batch_size) // self.world_size)
        for index, batch in enumerate(self.batches(count, batch_size)):
            if index < shared:
                self.between()
            yield batch


ALONE = Processes()
