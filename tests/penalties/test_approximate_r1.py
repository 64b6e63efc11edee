from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from gan_experiments.core.randomness import Stream
from gan_experiments.penalties.approximate_r1 import ApproximateR1
from gan_experiments.penalties.approximate_r2 import ApproximateR2
from gan_experiments.penalties.r1 import R1
from gan_experiments.penalties.r2 import R2

BOTH = pytest.mark.parametrize(("exact", "approximate"), [(R1, ApproximateR1), (R2, ApproximateR2)])


def mean_over_noise(penalty, parts, discriminator, draws=400):
    step = parts.step(discriminator=discriminator, batch=64)
    steps = (replace(step, rng=Stream("noise", draw)) for draw in range(draws))
    with torch.no_grad():
        return torch.stack([penalty.discriminator(step) for step in steps]).mean()


@BOTH
def test_it_tends_to_the_exact_penalty_of_a_quadratic_discriminator(parts, exact, approximate):
    discriminator = parts.Quadratic(1.5)
    expected = exact().discriminator(parts.step(discriminator=discriminator, batch=64))
    value = mean_over_noise(approximate(epsilon=1e-3), parts, discriminator)
    torch.testing.assert_close(value, expected.detach(), rtol=0.05, atol=0)


def test_the_error_of_a_quadratic_one_is_that_of_the_noise_alone(parts):
    scale, epsilon, size = 1.5, 0.3, 32
    discriminator = parts.Quadratic(scale)
    exact = R1().discriminator(parts.step(discriminator=discriminator, batch=64)).detach()
    error = scale**2 * epsilon**2 * (size**2 + 2 * size) / 8  # from E ||u||^4 = d^2 + 2d, u standard normal
    value = mean_over_noise(ApproximateR1(epsilon=epsilon), parts, discriminator)
    torch.testing.assert_close(value, exact + error, rtol=0.05, atol=0)


@BOTH
def test_its_gradient_of_the_weights_is_that_of_the_exact_penalty_on_average(parts, exact, approximate):
    weight = torch.randn(32)
    discriminator = parts.Linear(weight)
    step, gradients = parts.step(discriminator=discriminator), []
    (expected,) = torch.autograd.grad(exact().discriminator(step), discriminator.weight, retain_graph=True)
    for draw in range(1500):
        value = approximate().discriminator(replace(step, rng=Stream("noise", draw)))
        (gradient,) = torch.autograd.grad(value, discriminator.weight, retain_graph=True)
        gradients.append(gradient)
    mean = torch.stack(gradients).mean(0)
    assert (mean - expected).norm() / expected.norm() < 0.15


@pytest.mark.parametrize("approximate", [ApproximateR1, ApproximateR2])
@pytest.mark.parametrize("full_precision", [True, False])
def test_it_reuses_the_pass_of_the_loss_if_that_is_precise(parts, approximate, full_precision):
    discriminator = parts.Counting(parts.SmallDiscriminator())
    step = parts.step(discriminator=discriminator, full_precision=full_precision)
    before = discriminator.calls
    approximate().discriminator(step)
    assert discriminator.calls - before == 1 + (not full_precision)


@BOTH
def test_two_passes_of_a_spectrally_normalized_discriminator_are_compared_as_one(parts, exact, approximate):
    """Its weights differ between passes: the vectors of the power method are far from those of the largest value."""
    torch.manual_seed(0)
    discriminator, values = parts.SmallDiscriminator(), {}
    parametrizations.spectral_norm(discriminator.head)
    parametrizations.spectral_norm(discriminator.layers[0])
    norm = discriminator.layers[0].parametrizations.weight[0]
    for kind in (exact, approximate):
        with torch.no_grad():
            norm._v.copy_(nn.functional.normalize(torch.arange(1.0, 19.0), dim=0))
        step = parts.step(discriminator=discriminator, batch=4096)
        values[kind] = kind().discriminator(step)
    torch.testing.assert_close(values[approximate], values[exact], rtol=0.3, atol=0)


def test_the_noise_is_that_of_the_step(parts):
    discriminator = parts.SmallDiscriminator()
    value = lambda key: ApproximateR1().discriminator(parts.step(discriminator=discriminator, rng=(key,)))  # noqa: E731
    assert value("a") == value("a")
    assert value("a") != value("b")


def test_no_second_derivative_is_asked_for(parts):
    class FirstOrderOnly(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, gradient):
            return gradient * 2

    class Network(parts.SmallDiscriminator):
        def features(self, images, labels=None):
            return FirstOrderOnly.apply(super().features(images, labels))

    network = Network()
    ApproximateR1().discriminator(parts.step(discriminator=network)).backward()
    assert all(p.grad.isfinite().all() for p in network.layers.parameters())
    with pytest.raises(RuntimeError, match="once_differentiable"):
        R1().discriminator(parts.step(discriminator=network)).backward()
