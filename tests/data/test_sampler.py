import torch
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.data.sampler import Order

sizes = st.integers(1, 40)
positions = st.integers(0, 300)


def reference(num_images, seed, start, count):
    order = Order(num_images, seed)
    return torch.cat(
        [order.indices(position, 1) for position in range(start, start + count)] or [torch.empty(0).long()]
    )


@given(num_images=sizes, seed=st.integers(0, 5), start=positions, count=st.integers(0, 120))
def test_order_is_a_function_of_the_position(num_images, seed, start, count):
    indices = Order(num_images, seed).indices(start, count)
    assert indices.dtype == torch.int64
    assert torch.equal(indices, reference(num_images, seed, start, count))


@given(num_images=sizes, epoch=st.integers(0, 20))
def test_each_epoch_shows_every_image_once(num_images, epoch):
    indices = Order(num_images, 0).indices(epoch * num_images, num_images)
    assert sorted(indices.tolist()) == list(range(num_images))


@given(num_images=sizes, ranks=st.integers(1, 4), share=st.integers(1, 12), step=st.integers(0, 20))
def test_ranks_cut_one_batch_into_blocks(num_images, ranks, share, step):
    batch = ranks * share
    blocks = [Order(num_images, 1).indices(step * batch + rank * share, share) for rank in range(ranks)]
    assert torch.equal(torch.cat(blocks), Order(num_images, 1).indices(step * batch, batch))


@given(num_images=sizes, batches=st.lists(st.integers(1, 30), max_size=12))
def test_batch_size_does_not_matter(num_images, batches):
    order, position, pieces = Order(num_images, 2), 0, []
    for batch in batches:
        pieces.append(order.indices(position, batch))
        position += batch
    joined = torch.cat(pieces) if pieces else torch.empty(0).long()
    assert torch.equal(joined, Order(num_images, 2).indices(0, position))


def test_epochs_and_seeds_differ():
    first, second = Order(1000, 0).indices(0, 2000).split(1000)
    assert not torch.equal(first, second)
    assert not torch.equal(first, Order(1000, 1).indices(0, 1000))


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
