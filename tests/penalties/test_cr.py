import pytest
import torch
from torch.nn.functional import pad

from gan_experiments.core.randomness import Stream
from gan_experiments.penalties.cr import CR, flip_and_shift


def test_moves_are_crops_of_the_reflected_image():
    images = torch.randn(16, 3, 6, 5)
    moved = flip_and_shift(images, Stream(1), flip=False, shift=2)
    crops = pad(images, (2, 2, 2, 2), mode="reflect")
    places = set()
    for image, crop in zip(moved, crops, strict=True):
        found = [(y, x) for y in range(5) for x in range(5) if torch.equal(crop[:, y : y + 6, x : x + 5], image)]
        assert len(found) == 1
        places.add(found[0])
    assert len(places) > 8  # each sample moves its own way


def test_moves_further_than_the_image_reflect_again():
    row = torch.arange(3.0).reshape(1, 1, 1, 3)
    moved = {tuple(flip_and_shift(row, Stream(key), flip=False, shift=50).flatten().tolist()) for key in range(60)}
    assert moved == {(0, 1, 2), (1, 2, 1), (2, 1, 0), (1, 0, 1)}


def test_about_half_of_the_images_are_mirrored():
    images = torch.randn(1, 1, 4, 4).expand(400, 1, 4, 4)
    mirrored = (flip_and_shift(images, Stream(1), flip=True, shift=0) == images.flip(3)).flatten(1).all(1)
    kept = (flip_and_shift(images, Stream(1), flip=True, shift=0) == images).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert 150 < mirrored.sum() < 250


def test_without_flip_and_shift_it_is_the_identity():
    images = torch.randn(4, 3, 5, 5)
    assert torch.equal(flip_and_shift(images, Stream(1), flip=False, shift=0), images)


def test_it_is_the_mean_squared_difference_of_outputs(parts):
    weight = torch.randn(32)
    step = parts.step(discriminator=parts.Linear(weight))
    moved = flip_and_shift(step.real, Stream("test"), True, 3)
    expected = ((step.real - moved).flatten(1) @ weight).square().mean()
    torch.testing.assert_close(CR(shift=3).discriminator(step), expected)


@pytest.mark.parametrize("full_precision", [True, False])
def test_it_reuses_the_pass_of_the_loss_if_that_is_precise(parts, full_precision):
    discriminator = parts.Counting(parts.SmallDiscriminator())
    step = parts.step(discriminator=discriminator, full_precision=full_precision)
    before = discriminator.calls
    CR(shift=1).discriminator(step)
    assert discriminator.calls - before == (1 if full_precision else 2)
