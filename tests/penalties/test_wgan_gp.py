import pytest
import torch

from gan_experiments.core.randomness import Stream
from gan_experiments.penalties.wgan_gp import WGANGP, between


@pytest.mark.parametrize(
    ("length", "sided", "expected"), [(3.0, "two", 4.0), (0.5, "two", 0.25), (0.5, "one", 0.0), (3.0, "one", 4.0)]
)
def test_of_a_linear_discriminator_it_is_the_squared_distance_of_its_weight_to_one(parts, length, sided, expected):
    weight = torch.randn(32)
    discriminator = parts.Linear(weight * length / weight.norm())
    value = WGANGP(sided=sided).discriminator(parts.step(discriminator=discriminator))
    assert value.item() == pytest.approx(expected, abs=1e-5)


def test_points_share_one_weight_per_sample(parts):
    step = parts.step()
    share = ((between(step) - step.fake) / (step.real - step.fake)).flatten(1)
    assert (share.max(1).values - share.min(1).values).max() < 1e-3
    assert share[:, 0].std() > 0.05
    torch.testing.assert_close(share.mean(1), Stream("test").uniform(4), rtol=1e-3, atol=1e-4)


def test_norms_are_per_sample(parts):
    step = parts.step(discriminator=parts.Quadratic())
    share = Stream("test").uniform(4, 1, 1, 1)
    norms = (share * step.real + (1 - share) * step.fake).flatten(1).norm(dim=1)
    value = WGANGP().discriminator(step)
    torch.testing.assert_close(value, (norms - 1).square().mean())
    assert not torch.isclose(value, (norms.square().sum().sqrt() - 1).square())


def test_a_pack_has_one_share_for_all_its_images(parts):
    discriminator = parts.SmallDiscriminator()
    discriminator.packing = 2
    step = parts.step(discriminator=discriminator)
    share = ((between(step) - step.fake) / (step.real - step.fake)).flatten(1).mean(1)
    torch.testing.assert_close(share[::2], share[1::2], rtol=1e-3, atol=1e-4)
    assert (share[0] - share[2]).abs() > 0.05
