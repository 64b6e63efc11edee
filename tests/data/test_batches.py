import itertools

import pytest
import torch

from gan_experiments.core.clock import Clock
from gan_experiments.data.batches import Batches, InMemory, batches_at_once
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


@pytest.mark.parametrize("labels", [LABELS, None])
def test_batches_fetched_together_are_those_fetched_one_by_one(labels):
    clock, fetched = Clock(batch_size=12, budget=1000, images_seen=24), []

    def fetch(numbers):
        fetched.append(len(numbers))
        return InMemory(IMAGES, labels)(numbers)

    ways = [(fetch, Order(50, 0), clock, 0, 1, RandomFlipCrop(True, 1, 0), block) for block in (1, 3)]
    one, together = (list(itertools.islice(Batches(*way), 10)) for way in ways)
    assert fetched == [12] * 10 + [36] * 4
    for left, right in zip(one, together, strict=True):
        assert torch.equal(left.images, right.images)
        assert left.labels is right.labels is None or torch.equal(left.labels, right.labels)


def test_a_process_of_several_fetches_its_part_of_every_batch():
    clock = Clock(batch_size=12, budget=1000)
    ways = [(InMemory(IMAGES, LABELS), Order(50, 0), clock, 1, 2, None, block) for block in (1, 3)]
    one, other = (list(itertools.islice(Batches(*way), 5)) for way in ways)
    assert all(torch.equal(left.labels, right.labels) for left, right in zip(one, other, strict=True))


def test_batches_are_fetched_together_if_small_and_aligned():
    assert batches_at_once(128 * 8) == 128
    assert batches_at_once(100 * 8) == 1  # every second one would start in the middle of 64 bytes
    assert batches_at_once(2**20) == 1
