import numpy as np
import pytest
import torch
from stubs import Echo, real

from gan_experiments.core.types import ConfigError
from gan_experiments.sampling.spectrum import Spectrum, _moments, power_spectrum, slices

NOISE = torch.randn(2000, 1, 8, 12, generator=torch.Generator().manual_seed(0))


def test_it_is_that_of_numpy_at_the_frequencies_of_the_image():
    """Every fourth frequency of padded images is one of the windowed images themselves."""
    images = NOISE[:5].repeat(1, 3, 1, 1) * torch.tensor([1.0, 0.5, 2.0]).view(3, 1, 1)
    window = np.outer(np.kaiser(8, 8.0), np.kaiser(12, 8.0))
    window /= np.sqrt((window**2).sum())
    transformed = np.fft.fftshift(np.fft.fft2((images.double().numpy() - 0.1) / 0.7 * window), axes=(2, 3))
    expected = (np.abs(transformed) ** 2).mean((0, 1))
    np.testing.assert_allclose(power_spectrum(images, 0.1, 0.7)[::4, ::4], expected, rtol=1e-6)


def test_white_noise_has_the_power_1_everywhere():
    spectrum = power_spectrum(0.3 * NOISE + 0.2, 0.2, 0.3)
    assert spectrum.shape == (32, 48)
    torch.testing.assert_close(spectrum, torch.ones_like(spectrum), atol=0.15, rtol=0)
    assert spectrum.mean().item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("cycles", [0.125, 0.25, 0.5])
def test_a_regular_pattern_is_a_peak_along_its_direction(cycles):
    wave = torch.cos(2 * torch.pi * cycles * torch.arange(16)).expand(3, 1, 16, 16)
    frequencies, along_row, _ = slices(power_spectrum(wave, 0.0, 1.0))
    assert frequencies[along_row.argmax()].item() == pytest.approx(cycles, abs=0.02)
    _, _, along_diagonal = slices(power_spectrum(wave * wave.mT, 0.0, 1.0))
    assert frequencies[along_diagonal.argmax()].item() == pytest.approx(cycles, abs=0.02)


def test_slices_of_rectangles_have_the_frequencies_of_both_sides():
    spectrum = torch.arange(-4, 4)[:, None].abs() / 8.0 * 100 + torch.arange(-6, 6).abs() / 12.0
    frequencies, along_row, along_diagonal = slices(spectrum)
    torch.testing.assert_close(frequencies, torch.tensor([0, 0.125, 0.25, 0.375, 0.5]))
    torch.testing.assert_close(along_row, frequencies, atol=0.05, rtol=0)
    torch.testing.assert_close(along_diagonal, 101 * frequencies, atol=0.05, rtol=0)


@pytest.mark.parametrize("num_classes", [0, 3])
def test_the_sheet_is_drawn_from_as_many_real_images(num_classes, monkeypatch):
    seen = []

    def noted(images, mean, deviation):
        seen.append((images, mean, deviation))
        return power_spectrum(images, mean, deviation)

    monkeypatch.setattr("gan_experiments.sampling.spectrum.power_spectrum", noted)
    data = real(50)
    sheet = Spectrum(30)(Echo(num_classes), data, 0)
    assert sheet.dtype == torch.uint8
    assert sheet.shape[0] == 3
    assert sheet.float().std() > 20
    (shown, mean, deviation), (generated, *same) = seen
    assert len(shown) == len(generated) == 30
    assert len(torch.unique(torch.cat([shown, data.images]), dim=0)) == len(torch.unique(data.images, dim=0))
    assert same == [mean, deviation]
    assert mean == pytest.approx((shown.double() / 127.5 - 1).mean().item(), abs=1e-5)


def test_moments_are_taken_in_parts():
    images = torch.randint(0, 256, (600, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    values = images.double() / 127.5 - 1
    assert _moments(images) == pytest.approx((values.mean().item(), values.std().item()), rel=1e-5)
    assert _moments(images[:1, :1, :1, :1])[1] == 0.0


def test_one_value_everywhere_has_a_sheet_and_points_have_none():
    data = real(9)
    data.images.fill_(7)
    assert Spectrum(5)(Echo(), data, 0).float().std() > 20
    with pytest.raises(ConfigError, match="spectrum needs images; echo holds points"):
        Spectrum(5)(Echo(image_size=1), data, 0)
