import numpy as np
import pytest
import torch

from gan_experiments.core.randomness import Stream
from gan_experiments.penalties.wgan_div import WGANDiv


def test_norms_to_a_power_of_a_quadratic_discriminator_are_numpys(parts):
    """Of D(x) = ||x||^2 / 2 the gradient at a point is the point."""
    step = parts.step(discriminator=parts.Quadratic())
    share = Stream("test").uniform(4, 1, 1, 1)
    points = (share * step.real + (1 - share) * step.fake).detach().numpy().reshape(4, -1)
    for power in (2.0, 6.0):
        expected = (np.sqrt((points.astype(np.float64) ** 2).sum(1)) ** power).mean()
        step = parts.step(discriminator=parts.Quadratic())
        assert WGANDiv(power=power).discriminator(step).item() == pytest.approx(expected, rel=1e-4)


def test_of_a_linear_discriminator_it_does_not_depend_on_the_points(parts):
    weight = torch.randn(32)
    value = WGANDiv().discriminator(parts.step(discriminator=parts.Linear(weight)))
    torch.testing.assert_close(value, weight.norm() ** 6)
