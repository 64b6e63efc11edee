import math

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn.functional import grid_sample
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import affine

from gan_experiments.augment.warp import SYM6, Warp, _Sample, blit, mirror_pad, mirrored

STILL = torch.zeros(1, 2)
FALSE, NONE = torch.zeros(1, dtype=torch.bool), torch.zeros(1, 2, dtype=torch.long)


def smooth(size=64):
    """Return an image of low frequencies: interpolated the one way or the other, it is nearly the same."""
    torch.manual_seed(0)
    coarse = torch.randn(1, 3, 4, 4)
    return torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic")


def rotation(degrees):
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[[cosine, -sine], [sine, cosine]]])


def centre(images, margin):
    return images[..., margin:-margin, margin:-margin]


def test_the_wavelet_is_orthogonal_and_has_six_vanishing_moments():
    taps = torch.tensor(SYM6, dtype=torch.float64)
    for shift in range(0, 12, 2):
        product = (taps[shift:] * taps[: len(taps) - shift]).sum().item()
        assert product == pytest.approx(float(shift == 0), abs=1e-11)
    places = torch.arange(12, dtype=torch.float64) - 5.5
    for power in range(6):
        assert (taps * (-1.0) ** torch.arange(12) * places**power).sum().item() == pytest.approx(0, abs=1e-8)


def test_a_world_of_mirrors():
    assert mirrored(torch.arange(-5, 8), 3).tolist() == [1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]
    padded = mirror_pad(torch.arange(4.0).view(1, 1, 2, 2), 3)
    assert padded.shape == (1, 1, 8, 8)
    assert padded[0, 0, 3].tolist() == [1, 1, 0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize("size", [4, 7])
@pytest.mark.parametrize("quarters", range(4))
def test_blits_are_torchs(size, quarters):
    images = torch.randn(1, 2, size, size)
    turned = blit(images, FALSE, torch.tensor([quarters]), NONE)
    assert torch.equal(turned, torch.rot90(images, quarters, (2, 3)))
    assert torch.equal(
        blit(images, ~FALSE, torch.tensor([quarters]), NONE), torch.rot90(images.flip(3), quarters, (2, 3))
    )


def test_a_blit_moves_by_whole_pixels_with_the_mirrored_image_behind():
    images = torch.randn(1, 2, 6, 6)
    moved = blit(images, FALSE, torch.tensor([0]), torch.tensor([[2, -1]]))
    assert torch.equal(moved[:, :, 2:, :-1], images[:, :, :-2, 1:])
    assert torch.equal(moved[:, :, :2, :-1], images[:, :, :2, 1:].flip(2))
    assert torch.equal(moved[:, :, 2:, -1], images[:, :, :-2, -1])


def test_each_image_is_blitted_its_own_way():
    images = torch.randn(3, 1, 5, 5)
    flip, quarters = torch.tensor([True, False, True]), torch.tensor([0, 1, 3])
    shift = torch.tensor([[0, 0], [1, 0], [0, 2]])
    together = blit(images, flip, quarters, shift)
    for index in range(3):
        part = slice(index, index + 1)
        assert torch.equal(together[part], blit(images[part], flip[part], quarters[part], shift[part]))


@pytest.mark.parametrize("size", [4, 8, 28])
def test_no_map_changes_nothing(size):
    images = torch.randn(2, 3, size, size)
    same = Warp((size, size))(images, torch.eye(2).expand(2, 2, 2), STILL.expand(2, 2))
    torch.testing.assert_close(same, images, rtol=0, atol=1e-4)


def test_whole_moves_are_exact_and_half_ones_go_half_of_the_way():
    images, warp, identity = smooth(), Warp((64, 64)), torch.eye(2)[None]
    moved = warp(images, identity, torch.tensor([[3.0, -2.0]]))
    torch.testing.assert_close(moved[:, :, 3:, :-2], images[:, :, :-3, 2:], rtol=0, atol=1e-4)
    half = warp(images, identity, torch.tensor([[0.0, 0.5]]))
    between = (images[..., 1:] + images[..., :-1]) / 2
    torch.testing.assert_close(centre(half[..., 1:], 4), centre(between, 4), rtol=0, atol=1e-2)


@pytest.mark.parametrize(
    ("angle", "scale", "move"), [(30, 1.0, (0, 0)), (-75, 1.3, (0, 0)), (0, 1.25, (5, -3)), (110, 1.5, (4, 6))]
)
def test_maps_are_torchvisions(angle, scale, move):
    """torchvision turns clockwise, then scales, then moves to the right and downwards."""
    images = smooth()
    expected = affine(images, angle, list(move), scale, [0.0, 0.0], InterpolationMode.BILINEAR)
    matrix = rotation(angle) / scale  # the inverse: clockwise back
    warped = Warp((64, 64))(images, matrix, torch.tensor([[float(move[1]), float(move[0])]]))
    torch.testing.assert_close(centre(warped, 20), centre(expected, 20), rtol=0, atol=0.03)


def test_a_half_turn_is_a_double_mirror():
    """What would show a shift of the filter: pixels must turn about the centre of the image."""
    images = smooth()
    turned = Warp((64, 64))(images, rotation(180), STILL)
    torch.testing.assert_close(centre(turned, 2), centre(images.flip(2, 3), 2), rtol=0, atol=5e-3)


def test_a_map_and_its_inverse_lose_little():
    images, warp = smooth(), Warp((64, 64))
    there = warp(images, rotation(33) * 1.1, STILL)
    back = warp(there, torch.linalg.inv(rotation(33) * 1.1), STILL)
    torch.testing.assert_close(centre(back, 16), centre(images, 16), rtol=0, atol=0.02)


def test_far_away_the_world_is_mirrored():
    images = smooth()
    moved = Warp((64, 64))(images, torch.eye(2)[None], torch.tensor([[0.0, 64.0]]))
    torch.testing.assert_close(centre(moved, 1), centre(images.flip(3), 1), rtol=0, atol=0.02)
    small = Warp((64, 64))(images, 40 * torch.eye(2)[None], STILL)
    assert small.isfinite().all()
    assert small.abs().max() <= images.abs().max() * 2


def test_sampling_is_torchs_and_can_be_differentiated_twice():
    torch.manual_seed(0)
    images = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    grid = 2.4 * torch.rand(2, 3, 3, 2, dtype=torch.float64) - 1.2
    assert torch.equal(_Sample.apply(images, grid), grid_sample(images, grid, align_corners=False))
    assert gradcheck(lambda values: _Sample.apply(values, grid), images)
    assert gradgradcheck(lambda values: _Sample.apply(values, grid).square(), images)


def test_a_warp_can_be_differentiated_twice():
    torch.manual_seed(0)
    images = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    matrix, shift = rotation(20).double() * 1.2, torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    warp = Warp((4, 4))
    assert gradcheck(lambda values: warp(values, matrix, shift), images)
    assert gradgradcheck(lambda values: warp(values, matrix, shift).square(), images)
