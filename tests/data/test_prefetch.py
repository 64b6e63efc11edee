import threading
import time

import pytest
import torch

from gan_experiments.core.contracts import Batch
from gan_experiments.data.prefetch import Prefetched


def numbered(count, made=None):
    for number in range(count):
        if made is not None:
            made.append(number)
        yield Batch(torch.full((1,), number), None)


def test_order_is_kept():
    assert [int(batch.images) for batch in Prefetched(numbered(50))] == list(range(50))


def test_only_a_few_are_made_ahead():
    made = []
    batches = iter(Prefetched(numbered(1000, made)))
    next(batches)
    time.sleep(0.3)
    assert 2 <= len(made) <= 5
    batches.close()


def test_the_thread_ends_with_the_iterator():
    before = threading.active_count()
    batches = iter(Prefetched(numbered(10**9)))
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_an_error_is_raised_where_the_batch_is_asked_for():
    def broken():
        yield from numbered(3)
        raise OSError("a shard is gone")

    batches = iter(Prefetched(broken()))
    assert len([next(batches) for _ in range(3)]) == 3
    with pytest.raises(OSError, match="a shard is gone"):
        next(batches)
