"""Division of images among processes."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.metrics.processes import ALONE, Processes


@given(count=st.integers(1, 300), batch_size=st.integers(1, 100), world_size=st.integers(1, 7))
def test_processes_share_the_same_batches(count, batch_size, world_size):
    alone = ALONE.batches(count, batch_size)
    shared = [batch for rank in range(world_size) for batch in Processes(rank, world_size).batches(count, batch_size)]
    assert [batch for batch in shared if batch != (count, count)] == alone
    assert len(alone) == math.ceil(count / batch_size)
    sizes = [len(Processes(rank, world_size).batches(count, batch_size)) for rank in range(world_size)]
    assert max(sizes) - min(sizes) <= 1


@given(count=st.integers(1, 300), batch_size=st.integers(1, 100), world_size=st.integers(1, 7))
def test_what_processes_do_between_batches_they_do_equally_often(count, batch_size, world_size):
    calls = []
    for rank in range(world_size):
        called = []
        processes = Processes(rank, world_size, lambda: called.append(1))  # noqa: B023
        batches = list(processes.each_batch(count, batch_size))
        assert batches == processes.batches(count, batch_size)
        calls.append(len(called))
    assert len(set(calls)) == 1
    assert calls[0] >= len(batches) - 1
    assert calls[0] >= 1
