import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from gan_experiments.metrics.functional.equivariance import (
    fractional_translation_error,
    peak_signal_to_noise,
    rotation_error,
    rotation_filter,
    translation_error,
)


def picture(angle=0.0, shift=(0.0, 0.0), size=40):
    """Return a smooth image of three channels, moved: waves of at most a quarter of the sampling rate."""
    line = torch.arange(size, dtype=torch.float64) + 0.5 - size / 2
    x, y = line - shift[0], line[:, None] - shift[1]
    # What is at a position came from where rotation by the opposite angle leads: rotation_matrix maps (x, y).
    x, y = math.cos(angle) * x - math.sin(angle) * y, math.sin(angle) * x + math.cos(angle) * y
    waves = [torch.sin(0.9 * x + 0.5 * y), torch.cos(0.3 * x - 0.8 * y), torch.sin(0.4 * x * math.cos(1) + 1)]
    return torch.stack([wave.expand(size, size) for wave in waves]).float()


def test_whole_pixels_count_where_both_images_are():
    image, shift = torch.randn(2, 8, 8), (3, -2)
    moved = torch.full_like(image, 7.0)
    moved[:, :6, 3:] = image[:, 2:, :5]
    assert translation_error(image, moved, shift).tolist() == [0.0, 2 * 6 * 5]
    moved[0, 0, 3] += 2
    assert translation_error(image, moved, shift)[0].item() == pytest.approx(4)
    assert translation_error(image, moved, (9, 0)).tolist() == [0.0, 0.0]


def test_parts_of_pixels_are_those_of_a_lanczos_filter():
    image = torch.randn(1, 12, 12, generator=torch.Generator().manual_seed(0))
    shift = (1.3, -0.6)
    expected = image[0].double().numpy()
    for axis, amount in ((1, shift[0]), (0, shift[1])):
        offsets = np.arange(-6, 7)
        window = np.sinc(offsets - amount) * np.sinc((offsets - amount) / 3) * (np.abs(offsets - amount) < 3)
        expected = ndimage.convolve1d(expected, window / window.sum(), axis=axis, mode="constant")
    squares, count = fractional_translation_error(image, torch.zeros_like(image), shift).tolist()
    rows, columns = slice(2, 9), slice(4, 11)  # of which no sample that the filter sees is outside
    assert count == 7 * 7
    assert squares == pytest.approx((expected[rows, columns] ** 2).sum(), rel=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0, 3.1])
def test_a_smooth_picture_that_is_really_turned_or_moved_scores_high(angle):
    good = rotation_error(picture(), picture(angle), angle)
    bad = rotation_error(picture(), picture(angle + 0.1), angle)
    assert good[1] > 300
    assert peak_signal_to_noise(good[None])[0] > 30
    assert peak_signal_to_noise(bad[None])[0] < 20
    shift = (3.3, -1.25 + angle)
    assert peak_signal_to_noise(fractional_translation_error(picture(), picture(shift=shift), shift)[None])[0] > 35
    assert peak_signal_to_noise(fractional_translation_error(picture(), picture(), shift)[None])[0] < 15


def test_a_rotation_filter_passes_a_constant_at_each_phase_and_turns_with_the_picture():
    for up in (1, 4):
        kernel = rotation_filter(0.7, up)
        assert kernel.shape == (12 * up - 1,) * 2
        phases = [kernel[row::up, column::up].sum().item() for row in range(up) for column in range(up)]
        np.testing.assert_allclose(phases, 1 / up**2, rtol=1e-5)
    torch.testing.assert_close(rotation_filter(0.7, 1).T, rotation_filter(-0.7, 1), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(rotation_filter(0.7, 1), rotation_filter(0.7 + math.pi / 2, 1), rtol=1e-4, atol=1e-5)


def test_the_ratio_is_of_all_pixels_and_its_margin_that_of_a_mean():
    """With equally many pixels in each image it is that of the mean, to first order."""
    errors = torch.tensor([[1.0, 100.0], [3.0, 100.0], [2.0, 100.0], [2.0, 100.0]])
    value, margin = peak_signal_to_noise(errors)
    assert value == pytest.approx(10 * math.log10(4 / 0.02))
    relative = 1.96 * (errors[:, 0].std(correction=0) / 4**0.5 / errors[:, 0].mean()).item()
    assert margin == pytest.approx(10 / math.log(10) * relative)
    assert peak_signal_to_noise(torch.tensor([[0.0, 9.0]])) == pytest.approx((206.02, 0.0), abs=0.01)
