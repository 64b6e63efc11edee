from itertools import chain

import pytest
import torch

from gan_experiments.core.randomness import Stream
from gan_experiments.systems.image_pool import ImagePool


def images(step, count=4):
    return (torch.arange(count) + step * count + 1.0).view(-1, 1, 1, 1)


def shown(pool, steps, count=4, start=0):
    return [pool(images(step, count), step, Stream(0, "pool", step)).flatten().tolist() for step in range(start, steps)]


def test_it_is_the_pool_of_the_paper_written_by_hand():
    held, expected = [], []
    for step in range(30):
        rng = Stream(0, "pool", step)
        swapped, places = rng.uniform(4) < 0.5, (rng.uniform(4) * 10).long()
        for index, image in enumerate(images(step).flatten().tolist()):
            if len(held) < 10:
                held.append(image)
                expected.append(image)
            elif swapped[index]:
                expected.append(held[places[index]])
                held[places[index]] = image
            else:
                expected.append(image)
    assert list(chain(*shown(ImagePool(10, (1, 1, 1)), 30))) == expected
    assert sum(a != b for a, b in zip(expected, range(1, 121), strict=True)) == pytest.approx(55, abs=15)


def test_it_goes_on_from_its_state():
    whole = shown(ImagePool(7, (1, 1, 1)), 20)
    first = ImagePool(7, (1, 1, 1))
    shown(first, 9)
    second = ImagePool(7, (1, 1, 1))
    second.load_state_dict(first.state_dict())
    assert shown(second, 20, start=9) == whole[9:]


def test_without_places_it_shows_new_images():
    assert shown(ImagePool(0, (1, 1, 1)), 3) == [images(step).flatten().tolist() for step in range(3)]


def test_images_that_are_shown_are_never_changed_by_later_ones():
    pool, seen = ImagePool(2, (1, 1, 1)), []
    for step in range(5):
        out = pool(images(step), step, Stream(0, step))
        seen.append((out, out.clone()))
    assert all(torch.equal(*both) for both in seen)
