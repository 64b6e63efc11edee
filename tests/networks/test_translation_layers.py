import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import nn

from gan_experiments.core.randomness import Stream
from gan_experiments.networks.translation_layers import BlurDownsample, BlurUpsample, dropout, initialize, norm_layer


def test_halving_filters_and_keeps_every_second_pixel():
    image = torch.randn(1, 1, 8, 8, dtype=torch.double)
    taps = np.array([1, 2, 1]) / 4
    full = convolve2d(np.pad(image[0, 0].numpy(), 1, mode="reflect"), np.outer(taps, taps), mode="valid")
    torch.testing.assert_close(BlurDownsample()(image)[0, 0], torch.from_numpy(full[::2, ::2].copy()))


def test_doubling_mixes_the_neighbours_three_to_one():
    ramp = torch.arange(4.0).expand(1, 2, 4, 4)
    row = BlurUpsample()(ramp)[0, 1, 4]
    assert row.tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]


def test_instance_norm_is_that_of_torch_with_its_second_derivative():
    maps = torch.randn(2, 3, 5, 4, dtype=torch.double, requires_grad=True)
    values = []
    for norm in (norm_layer("instance", 3), nn.InstanceNorm2d(3)):
        normed = norm(maps)
        (slope,) = torch.autograd.grad(normed.pow(3).sum(), maps, create_graph=True)
        values.append((normed, slope, *torch.autograd.grad(slope.square().sum(), maps)))
    torch.testing.assert_close(*values)


def test_dropout_keeps_the_mean():
    maps = dropout(torch.ones(20, 5, 10, 10), Stream(0))
    assert set(maps.unique().tolist()) == {0, 2}
    assert maps.mean().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("init", "deviation"), [("normal", 0.02), ("xavier", 0.02 * (2 / (2 * 9 * 64)) ** 0.5)])
def test_initial_weights_have_the_published_deviation(init, deviation):
    conv = nn.Conv2d(64, 64, 3)
    initialize(nn.Sequential(conv), init)
    assert conv.weight.std().item() == pytest.approx(deviation, rel=0.03)
    assert not conv.bias.any()
