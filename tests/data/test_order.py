import torch
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.data.order import Order, ShardOrder

positions = st.integers(0, 300)
shard_sizes = st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any)


def in_one(num_images):
    return num_images, lambda seed: Order(num_images, seed)


def in_shards(sizes, group_size):
    return sum(sizes), lambda seed: ShardOrder(torch.tensor(sizes), group_size, seed)


# The number of images, and a function from a seed to their order.
orders = st.one_of(st.builds(in_one, st.integers(1, 40)), st.builds(in_shards, shard_sizes, st.integers(1, 5)))


def reference(order, start, count):
    return torch.cat(
        [order.indices(position, 1) for position in range(start, start + count)] or [torch.empty(0).long()]
    )


@given(kind=orders, seed=st.integers(0, 5), start=positions, count=st.integers(0, 120))
def test_order_is_a_function_of_the_position(kind, seed, start, count):
    _, order = kind
    indices = order(seed).indices(start, count)
    assert indices.dtype == torch.int64
    assert torch.equal(indices, reference(order(seed), start, count))


@given(kind=orders, epoch=st.integers(0, 20))
def test_each_epoch_shows_every_image_once(kind, epoch):
    num_images, order = kind
    indices = order(0).indices(epoch * num_images, num_images)
    assert sorted(indices.tolist()) == list(range(num_images))


@given(kind=orders, ranks=st.integers(1, 4), share=st.integers(1, 12), step=st.integers(0, 20))
def test_ranks_cut_one_batch_into_blocks(kind, ranks, share, step):
    _, order = kind
    batch = ranks * share
    blocks = [order(1).indices(step * batch + rank * share, share) for rank in range(ranks)]
    assert torch.equal(torch.cat(blocks), order(1).indices(step * batch, batch))


@given(kind=orders, batches=st.lists(st.integers(1, 30), max_size=12))
def test_batch_size_does_not_matter(kind, batches):
    order, position, pieces = kind[1](2), 0, []
    for batch in batches:
        pieces.append(order.indices(position, batch))
        position += batch
    joined = torch.cat(pieces) if pieces else torch.empty(0).long()
    assert torch.equal(joined, kind[1](2).indices(0, position))


def test_epochs_and_seeds_differ():
    first, second = Order(1000, 0).indices(0, 2000).split(1000)
    assert not torch.equal(first, second)
    assert not torch.equal(first, Order(1000, 1).indices(0, 1000))


def test_a_few_shards_are_read_at_a_time():
    order = ShardOrder(torch.full((10,), 20), group_size=3, seed=0)
    for start in range(0, 400, 20):
        epoch, offset = divmod(start, 200)
        group = order.indices(epoch * 200 + offset // 60 * 60, min(60, 200 - offset // 60 * 60))
        assert len((group // 20).unique()) == min(3, 10 - 3 * (offset // 60))
    first = order.indices(0, 60)
    assert not torch.equal(first, first.sort().values)
    assert not torch.equal(first.argsort(), order.indices(60, 60).argsort())  # each group in an order of its own
    assert set((first // 20).tolist()) != set((order.indices(200, 60) // 20).tolist())  # other groups


def test_what_is_drawn_does_not_grow_with_the_dataset():
    order = ShardOrder(torch.full((1000,), 20), group_size=3, seed=0)
    for start in range(0, 20000, 64):
        order.indices(start, 64)
    assert sum(len(images) for images in order._groups.values()) <= 2 * 60


def test_only_neighbouring_epochs_are_kept():
    order = Order(10, 0)
    for epoch in range(20):
        order.indices(epoch * 10, 10)
    assert len(order._epochs) <= 2


def test_caller_cannot_change_the_order():
    order = Order(10, 0)
    expected = order.indices(0, 5).clone()
    order.indices(0, 5).zero_()
    assert torch.equal(order.indices(0, 5), expected)
