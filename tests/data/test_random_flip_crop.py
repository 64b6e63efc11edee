import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import pad

from gan_experiments.data.random_flip_crop import RandomFlipCrop

IMAGES = torch.randint(256, (64, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_by_default_images_are_unchanged():
    assert RandomFlipCrop(False, 0, 0)(IMAGES, 5) is IMAGES


def test_half_are_mirrored():
    changed = RandomFlipCrop(True, 0, 0)(IMAGES.repeat(100, 1, 1, 1), 0)
    as_is = (changed == IMAGES.repeat(100, 1, 1, 1)).flatten(1).all(1)
    mirrored = (changed == IMAGES.repeat(100, 1, 1, 1).flip(-1)).flatten(1).all(1)
    assert torch.all(as_is ^ mirrored)
    assert mirrored.float().mean() == pytest.approx(0.5, abs=0.02)


def test_shifts_are_crops_of_the_padded_image_and_all_occur():
    padded = pad(IMAGES.float(), (2, 2, 2, 2), mode="reflect").to(torch.uint8)
    crops = {(dy, dx): padded[:, :, dy : dy + 8, dx : dx + 8] for dy in range(5) for dx in range(5)}
    seen = set()
    for start in range(0, 640, 64):
        for index, image in enumerate(RandomFlipCrop(False, 2, 1)(IMAGES, start)):
            seen.add(next(shift for shift, crop in crops.items() if torch.equal(crop[index], image)))
    assert seen == set(crops)


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 10000), cut=st.integers(1, 63))
def test_the_transform_is_a_function_of_the_position(start, cut):
    whole = RandomFlipCrop(True, 2, 3)(IMAGES, start)
    again = RandomFlipCrop(True, 2, 3)
    parts = torch.cat([again(IMAGES[:cut], start), again(IMAGES[cut:], start + cut)])
    assert torch.equal(whole, parts)


def test_seeds_and_positions_differ():
    changed = RandomFlipCrop(True, 2, 0)(IMAGES, 0)
    assert not torch.equal(changed, RandomFlipCrop(True, 2, 1)(IMAGES, 0))
    assert not torch.equal(changed, RandomFlipCrop(True, 2, 0)(IMAGES, 64))
