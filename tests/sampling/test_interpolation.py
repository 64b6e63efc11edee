import math

import pytest
import torch
from stubs import Echo, cells

from gan_experiments.core.images import to_uint8
from gan_experiments.core.types import ConfigError
from gan_experiments.sampling.base import draw_latents
from gan_experiments.sampling.interpolation import Interpolation, slerp


def positions(steps):
    return torch.linspace(0, 1, steps)[:, None]


def test_an_arc_is_walked_in_equal_angles_at_one_length():
    first, last = torch.tensor([2.0, 0, 0]), torch.tensor([0, 2.0, 0])
    walked = slerp(first, last, positions(4))
    expected = [[2 * math.cos(angle), 2 * math.sin(angle), 0] for angle in (0, math.pi / 6, math.pi / 3, math.pi / 2)]
    torch.testing.assert_close(walked, torch.tensor(expected), atol=1e-6, rtol=0)


def test_it_keeps_the_length_that_samples_of_the_normal_have():
    first, last = torch.randn(2, 512, generator=torch.Generator().manual_seed(0))
    between = slerp(first, last, torch.tensor([0.5])).norm(), torch.lerp(first, last, 0.5).norm()
    assert between[0] == pytest.approx(512**0.5, rel=0.1)
    assert between[1] < 0.8 * between[0]


@pytest.mark.parametrize("factor", [1.0, -1.0, 3.0])
def test_parallel_latents_are_joined_by_a_line(factor):
    first = torch.tensor([1.0, 0.0])
    torch.testing.assert_close(slerp(first, factor * first, positions(3))[1], (1 + factor) / 2 * first)


@pytest.mark.parametrize("path", ["spherical", "linear"])
def test_a_row_begins_and_ends_with_samples(path):
    generator = Echo()
    shown = cells(Interpolation(count=3, steps=5, path=path)(generator, None, seed=1), 5)
    samples = to_uint8(Echo()(draw_latents(generator, 6, 1)))[:, 0]
    assert torch.equal(shown[:, 0], samples[:3])
    assert torch.equal(shown[:, -1], samples[3:])
    if path == "linear":
        latents = draw_latents(generator, 6, 1)
        assert torch.equal(shown[:, 2], to_uint8(Echo()((latents[:3] + latents[3:]) / 2))[:, 0])


def test_a_row_keeps_its_class():
    generator = Echo(num_classes=2)
    Interpolation(count=3, steps=2)(generator, None, 0)
    assert generator.asked[0][1].tolist() == [0, 0, 1, 1, 0, 0]


def test_points_are_refused():
    with pytest.raises(ConfigError, match="echo holds points"):
        Interpolation()(Echo(image_size=1), None, 0)
