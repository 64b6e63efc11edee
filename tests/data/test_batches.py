import itertools

import torch

from gan_experiments.core.clock import Clock
from gan_experiments.data.batches import Batches, InMemory
from gan_experiments.data.order import Order
from gan_experiments.data.random_flip_crop import RandomFlipCrop

IMAGES = torch.randint(256, (50, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(50)


def first_batches(fetch, num_images, clock, rank=0, world_size=1, transform=None):
    return list(itertools.islice(Batches(fetch, Order(num_images, 0), clock, rank, world_size, transform), 5))


def test_processes_share_a_batch_in_blocks():
    clock = Clock(batch_size=12, budget=120, images_seen=36)
    whole = first_batches(InMemory(IMAGES, LABELS), 50, clock)
    parts = [first_batches(InMemory(IMAGES, LABELS), 50, clock, rank, 3) for rank in range(3)]
    for expected, *shared in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat([batch.labels for batch in shared]), expected.labels)
        assert torch.equal(torch.cat([batch.images for batch in shared]), expected.images)


def test_an_iterator_starts_at_the_clock():
    clock = Clock(batch_size=10, budget=1000)
    endless = Batches(InMemory(IMAGES, LABELS), Order(50, 0), clock)
    expected = list(itertools.islice(endless, 3))[2]
    for _ in range(2):
        clock.advance()
    assert torch.equal(next(iter(endless)).labels, expected.labels)


def test_only_training_images_are_fetched():
    training = torch.tensor([3, 8, 21])
    batch = InMemory(IMAGES, LABELS, training)(torch.tensor([2, 0, 2]))
    assert batch.labels.tolist() == [21, 3, 21]
    assert torch.equal(batch.images, IMAGES[[21, 3, 21]])
    assert InMemory(IMAGES, None)(torch.tensor([5])).labels is None


def test_images_are_transformed_by_their_position():
    clock, transform = Clock(batch_size=10, budget=1000, images_seen=20), RandomFlipCrop(True, 1, 0)
    plain = first_batches(InMemory(IMAGES, LABELS), 50, clock)
    changed = first_batches(InMemory(IMAGES, LABELS), 50, clock, transform=transform)
    for number, (before, after) in enumerate(zip(plain, changed, strict=True)):
        assert torch.equal(after.images, RandomFlipCrop(True, 1, 0)(before.images, 20 + 10 * number))
        assert torch.equal(after.labels, before.labels)


def test_batches_have_no_length():
    assert not hasattr(Batches, "__len__")
