import numpy as np
import pytest
import torch
from processes import in_two_processes
from scipy import integrate, special

from gan_experiments.networks.alias_free import (
    AliasFreeLayer,
    Band,
    FilteredActivation,
    FourierInput,
    ImageLayer,
    UnitMagnitude,
    low_pass,
)

SLOW, FAST = Band(8, 2.0, 2.3, 12, 2), Band(16, 3.0, 5.0, 20, 3)


def kaiser(taps, band, rate):
    """Karras et al. 2021, equations 4 to 7: a windowed sinc of cutoff f_c, scaled to a sum of 1."""
    attenuation = 2.285 * (taps - 1) * np.pi * (4 * band.half_width / rate) + 7.95
    beta = (
        0.1102 * (attenuation - 8.7)
        if attenuation > 50
        else 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    )
    times = (np.arange(taps) - (taps - 1) / 2) / rate
    window = np.i0(beta * np.sqrt(1 - (2 * times * rate / (taps - 1)) ** 2)) / np.i0(beta)
    line = 2 * band.cutoff * np.sinc(2 * band.cutoff * times) * window
    return line / line.sum(), window


@pytest.mark.parametrize(
    ("band", "taps", "rate"), [(SLOW, 24, 32), (FAST, 12, 32), (Band(16, 8.0, 1.8, 16, 1), 12, 32)]
)
def test_the_filter_is_a_windowed_sinc(band, taps, rate):
    expected, _ = kaiser(taps, band, rate)
    np.testing.assert_allclose(low_pass(taps, band, rate), expected, atol=1e-6)


def test_the_radial_filter_is_the_windowed_transform_of_a_disc():
    """A jinc is the integral of plane waves over all frequencies below the cutoff."""
    kernel = low_pass(12, FAST, 32, radial=True).double().numpy()
    np.testing.assert_allclose(kernel, np.rot90(kernel), atol=1e-7)
    _, window = kaiser(12, FAST, 32)
    for row, column in [(5, 5), (0, 7), (3, 10)]:
        radius = np.hypot(row - 5.5, column - 5.5) / 32
        disc, _ = integrate.quad(lambda f, r=radius: 2 * np.pi * f * special.j0(2 * np.pi * f * r), 0, FAST.cutoff)
        ratio = kernel[row, column] / (disc * window[row] * window[column])
        middle, _ = integrate.quad(
            lambda f: 2 * np.pi * f * special.j0(2 * np.pi * f * np.hypot(0.5, 0.5) / 32), 0, FAST.cutoff
        )
        assert ratio == pytest.approx(kernel[5, 5] / (middle * window[5] ** 2), rel=1e-5)
    assert kernel.sum() == pytest.approx(1)


def naive(module, maps, after, size):
    """The filtered nonlinearity as sums over samples at their times; the centres of both grids are the origin."""
    up, down = module.up_filter.double().numpy(), module.down_filter.double().numpy()
    fine = module.up * size
    reach = len(up) + len(down)
    line = np.arange(-reach, fine + reach)  # of the fine grid, whose sample i is at (i + 1/2 - fine / 2)
    weights = np.zeros((len(line), size))
    for row, i in enumerate(line):
        for j in range(size):  # sample j is at up * (j + 1/2 - size / 2) on the fine grid
            tap = i + 0.5 - fine / 2 - module.up * (j + 0.5 - size / 2) + (len(up) - 1) / 2
            if 0 <= round(tap) < len(up) and abs(tap - round(tap)) < 1e-9:
                weights[row, j] = module.up * up[round(tap)]
    values = np.einsum("ij,bcjk,lk->bcil", weights, maps.double().numpy(), weights)
    values = np.where(values > 0, values, 0.2 * values) * np.sqrt(2)
    kernel = down if down.ndim == 2 else np.outer(down, down)
    result = np.zeros((*maps.shape[:2], after.size, after.size))
    for y in range(after.size):
        for x in range(after.size):  # output sample o is at down * (o + 1/2 - size / 2)
            first = [module.down * (o + 0.5 - after.size / 2) - (len(down) - 1) / 2 for o in (y, x)]
            start = [round(f - 0.5 + fine / 2) + reach for f in first]
            assert all(abs(f - 0.5 + fine / 2 - round(f - 0.5 + fine / 2)) < 1e-9 for f in first)
            part = values[:, :, start[0] : start[0] + len(down), start[1] : start[1] + len(down)]
            result[:, :, y, x] = (part * kernel).sum((2, 3))
    return result


@pytest.mark.parametrize("radial", [False, True])
@pytest.mark.parametrize(
    ("before", "after", "size"), [(SLOW, FAST, 12), (FAST, FAST, 20), (FAST, FAST._replace(size=12), 22)]
)
def test_the_nonlinearity_is_that_of_the_continuous_signal(before, after, size, radial):
    module = FilteredActivation(before, after, size, radial)
    maps = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    result = module(maps)
    assert result.shape == (2, 3, after.size, after.size)
    np.testing.assert_allclose(result, naive(module, maps, after, size), atol=2e-5)


def test_magnitudes_are_averaged_in_training_and_used_before_that():
    module = UnitMagnitude(decay=0.9)
    maps = 3 * torch.ones(2, 1, 4, 4)
    assert torch.equal(module(maps), maps)
    assert module.mean_square.item() == pytest.approx(0.9 + 0.1 * 9)
    before = module.mean_square.clone()
    torch.testing.assert_close(module.eval()(maps), maps / before.sqrt())
    assert torch.equal(module.mean_square, before)
    module.train()(maps.bfloat16())
    assert module.mean_square.dtype == torch.float32


def test_fourier_features_are_waves_below_the_cutoff_that_the_style_moves():
    torch.manual_seed(0)
    module = FourierInput(SLOW._replace(channels=400), 5)
    assert module.frequencies.norm(dim=1).max() <= SLOW.cutoff
    inside = (module.frequencies.norm(dim=1) < SLOW.cutoff / 2).float().mean().item()
    assert inside == pytest.approx(0.25, abs=0.07)  # uniform in the disc
    styles = torch.randn(2, 5)
    still = module(styles)  # initially no style moves anything
    torch.testing.assert_close(still[0], still[1])
    place = (torch.arange(12) + 0.5 - 6) / 8
    along_x, along_y, phases = (each[:, None, None] for each in (*module.frequencies.T, module.phases))
    waves = torch.sin(2 * torch.pi * (along_x * place + along_y * place[:, None] + phases))
    torch.testing.assert_close(still[0], torch.einsum("oc,chw->ohw", module.weight / 20, waves), rtol=1e-4, atol=1e-4)
    module.affine.bias.data = torch.tensor([0.0, 2.0, 0.5, 0.0])  # a quarter turn, and a shift by 0.25: two samples
    turned = still[0].rot90(1, (1, 2))
    torch.testing.assert_close(module(styles)[0][:, :, 2:], turned[:, :, :-2], rtol=1e-3, atol=1e-3)


def test_layers_can_be_differentiated_twice():
    torch.manual_seed(0)
    layers = [
        AliasFreeLayer(SLOW, FAST, 5, 3, False, 0.9),
        AliasFreeLayer(FAST, FAST._replace(size=16), 5, 1, True, 0.9),
        ImageLayer(FAST, 2, 5, 0.9),
    ]
    maps, styles = torch.randn(2, 2, 12, 12), torch.randn(2, 5, requires_grad=True)
    for layer in layers:
        maps = layer(maps, styles)
    (slope,) = torch.autograd.grad(maps.square().sum(), styles, create_graph=True)
    slope.square().sum().backward()
    names = [name for layer in layers for name, weight in layer.named_parameters() if weight.grad is None]
    assert not names


def test_two_processes_average_magnitudes_as_one(tmp_path):
    def work(rank):
        module = UnitMagnitude(decay=0.9)
        module(torch.full((2, 1, 4, 4), 3.0 if rank else 1.0))
        assert module.mean_square.item() == pytest.approx(0.9 + 0.1 * 5)

    in_two_processes(work, tmp_path)
