import torch

from gan_experiments.core.randomness import Stream
from gan_experiments.penalties.dragan import DRAGAN


def test_it_looks_near_the_reals(parts):
    step = parts.step(discriminator=parts.Quadratic())
    stream = Stream("test")
    distance, noise = stream.uniform(4, 1, 1, 1), stream.uniform(4, 2, 4, 4)
    points = step.real + distance * 0.5 * step.real.std(correction=0) * noise
    expected = (points.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(DRAGAN().discriminator(step), expected)


def test_of_a_linear_discriminator_it_is_the_squared_distance_of_its_weight_to_one(parts):
    weight = torch.randn(32)
    value = DRAGAN().discriminator(parts.step(discriminator=parts.Linear(weight)))
    torch.testing.assert_close(value, (weight.norm() - 1).square())


def test_constant_images_are_no_trouble(parts):
    step = parts.step()
    step.real = torch.full_like(step.real, 0.3)
    assert DRAGAN().discriminator(step).isfinite()
