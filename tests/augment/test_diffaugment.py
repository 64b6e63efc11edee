import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from gan_experiments.augment.diffaugment import DiffAugment
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts

IMAGES = torch.rand(512, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
FACTS = DataFacts("images", 8, 3)
PARTS = {"color": False, "translation": 0.0, "cutout": 0.0}


def augment(images=IMAGES, **options):
    return DiffAugment(FACTS, **options)(images, Stream(0), 0)


def test_at_probability_0_images_pass_bit_for_bit():
    assert torch.equal(augment(p=0.0), IMAGES)


def test_each_image_is_augmented_with_the_probability():
    chosen = (augment(p=0.3) != IMAGES).flatten(1).any(dim=1)
    assert chosen.float().mean().item() == pytest.approx(0.3, abs=0.06)
    assert torch.equal(augment(p=0.3)[chosen], augment()[chosen])


def test_without_parts_nothing_happens():
    assert torch.equal(augment(**PARTS), IMAGES)


def test_colour_shifts_scales_the_distance_to_grey_and_to_the_mean():
    """What a linear map of colours, one for each image, explains of it is all of it."""
    changed = augment(**PARTS | {"color": True})
    assert not torch.allclose(changed, IMAGES)
    for before, after in zip(IMAGES[:16].double(), changed[:16].double(), strict=True):
        grey_before, grey_after = before.mean(dim=0), after.mean(dim=0)
        contrast = (grey_after - grey_after.mean()).flatten() / (grey_before - grey_before.mean()).flatten()
        torch.testing.assert_close(contrast, contrast[:1].expand_as(contrast), rtol=1e-2, atol=1e-3)
        assert 0.5 <= contrast[0] <= 1.5
        saturation = (after - grey_after).flatten() / (before - grey_before).flatten() / contrast[0]
        torch.testing.assert_close(saturation.median(), saturation.mean(), rtol=1e-2, atol=1e-2)
        assert 0 <= saturation.median() <= 2
        assert abs(grey_after.mean() - grey_before.mean()) <= 0.5 + 1e-6


def test_translation_moves_whole_pixels_and_brings_in_grey():
    positive = IMAGES.abs() + 0.1
    moved = augment(positive, **PARTS | {"translation": 0.25})
    shifts = set()
    for before, after in zip(positive, moved, strict=True):
        found = []
        for down in range(-2, 3):
            for right in range(-2, 3):
                expected = torch.zeros_like(before)
                expected[:, max(0, down) : 8 + min(0, down), max(0, right) : 8 + min(0, right)] = before[
                    :, max(0, -down) : 8 + min(0, -down), max(0, -right) : 8 + min(0, -right)
                ]
                found += [(down, right)] if torch.equal(after, expected) else []
        assert len(found) == 1
        shifts.add(found[0])
    assert len(shifts) == 25


def test_cutout_is_one_grey_square_of_which_parts_may_lie_outside():
    ones = torch.ones(512, 1, 8, 8)
    kept = augment(ones, **PARTS | {"cutout": 0.5})
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    holes = (kept == 0).sum(dim=(1, 2, 3))
    assert holes.max() == 16
    assert holes.min() == 4  # a quarter, in a corner
    rows, columns = ((kept == 0).any(dim=axis)[:, 0].sum(dim=1) for axis in (3, 2))
    assert torch.equal(rows * columns, holes)
    assert torch.equal((kept == 0).any(dim=0), torch.ones(1, 8, 8, dtype=torch.bool))  # everywhere once


def test_both_networks_see_the_same_and_processes_their_part():
    assert torch.equal(augment(), augment())
    parts = [DiffAugment(FACTS)(IMAGES[256 * r : 256 * (r + 1)], Stream(0, rank=r, world_size=2), 0) for r in (0, 1)]
    torch.testing.assert_close(torch.cat(parts), augment(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_it_can_be_differentiated_twice(channels):
    images = torch.rand(2, channels, 4, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda values: DiffAugment(FACTS)(values, Stream(0), 0), images)
    assert gradgradcheck(lambda values: DiffAugment(FACTS)(values, Stream(0), 0).square(), images)


def test_points_are_refused():
    with pytest.raises(ConfigError, match="supports images only; ring has points"):
        DiffAugment(DataFacts("ring", 1, 2))


def test_reduced_precision_augments_every_image_too():
    """In bfloat16 one number in 500 below 1 is rounded to 1."""
    images = torch.zeros(4096, 3, 2, 2, dtype=torch.bfloat16)
    changed = DiffAugment(DataFacts("images", 2, 3), translation=0.0, cutout=0.0)(images, Stream(0), 0)
    assert changed.dtype == torch.bfloat16
    exact = DiffAugment(DataFacts("images", 2, 3), translation=0.0, cutout=0.0)(images.float(), Stream(0), 0)
    torch.testing.assert_close(changed, exact.bfloat16())
