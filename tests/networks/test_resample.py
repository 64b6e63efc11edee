import numpy as np
import pytest
import torch
from scipy.signal import upfirdn

from gan_experiments.networks.resample import BINOMIAL, Downsample, Filter, Upsample

IMAGE = torch.randn(2, 3, 10, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def lines(images, function):
    """Apply a function of a line of pixels to all rows, then to all columns."""
    along = np.apply_along_axis(function, 3, images.numpy())
    return torch.from_numpy(np.apply_along_axis(function, 2, along))


def normalized(taps):
    return np.asarray(taps) / np.sum(taps)


TAPS = [(1.0, 1.0), BINOMIAL, (0.1, 0.4, 1.0, 0.7, -0.2, 0.3)]


@pytest.mark.parametrize("taps", TAPS)
def test_upsampling_is_zeros_between_pixels_and_a_convolution(taps):
    edge = len(taps) // 2 - 1
    expected = lines(IMAGE, lambda line: 2 * upfirdn(normalized(taps), [*line, 0], up=2)[edge : edge + 2 * len(line)])
    torch.testing.assert_close(Upsample(taps)(IMAGE), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("taps", TAPS)
def test_downsampling_is_a_correlation_of_which_every_second_pixel_is_kept(taps):
    edge = len(taps) // 2 - 1

    def halved(line):
        return np.convolve(np.pad(line, edge), normalized(taps)[::-1], mode="valid")[::2]

    torch.testing.assert_close(Downsample(taps)(IMAGE), lines(IMAGE, halved), rtol=0, atol=1e-6)


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_a_filter_is_a_correlation(padding):
    expected = lines(IMAGE, lambda line: np.convolve(np.pad(line, padding), normalized(TAPS[2])[::-1], mode="valid"))
    torch.testing.assert_close(Filter(TAPS[2], padding, gain=3.0)(IMAGE), 3 * expected, rtol=0, atol=1e-6)


def test_one_is_the_others_transpose():
    large = torch.randn(2, 3, 20, 20, dtype=torch.float64)
    for taps in TAPS:
        up, down = Upsample(taps)(IMAGE), Downsample(taps)(large)
        torch.testing.assert_close((up * large).sum(), 4 * (IMAGE * down).sum(), rtol=1e-6, atol=1e-6)


def test_a_constant_stays_what_it_is_away_from_the_edge():
    constant = torch.full((1, 2, 16, 16), 0.7)
    for resampled in (Upsample()(constant), Downsample()(constant)):
        torch.testing.assert_close(
            resampled[..., 2:-2, 2:-2], constant[..., :1, :1].expand_as(resampled)[..., 2:-2, 2:-2]
        )


def test_the_binomial_filter_interpolates_linearly():
    expected = torch.nn.functional.interpolate(IMAGE, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(Upsample()(IMAGE)[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("layer", [Upsample(), Downsample(), Filter(padding=1)])
def test_memory_format_stays_and_nothing_is_saved(layer):
    images = torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last)
    assert layer(images).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(images), layer(images.contiguous()))
    assert not layer.state_dict()
