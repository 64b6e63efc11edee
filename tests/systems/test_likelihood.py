import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from gan_experiments.systems.likelihood import bernoulli, gaussian, kl_to_standard_normal

RNG = torch.Generator().manual_seed(0)


def draw(*shape):
    return torch.randn(shape, generator=RNG, dtype=torch.float64)


def test_the_divergence_is_that_of_the_distributions():
    mean, log_variance = draw(5, 3), draw(5, 3)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected)
    assert kl_to_standard_normal(torch.zeros(1, 3), torch.zeros(1, 3)).item() == 0


def test_the_gaussian_is_the_density_of_all_pixels():
    images, mean, log_sigma = draw(5, 2, 3, 3), draw(5, 2, 3, 3), draw(1).squeeze()
    expected = Normal(mean, log_sigma.exp()).log_prob(images).sum((1, 2, 3))
    torch.testing.assert_close(gaussian(images, mean, log_sigma), expected)


def test_the_bernoulli_is_the_probability_of_all_pixels():
    images, mean = (torch.sign(draw(5, 1, 3, 3)), torch.tanh(draw(5, 1, 3, 3)))
    expected = Bernoulli((mean + 1) / 2).log_prob((images + 1) / 2).sum((1, 2, 3))
    torch.testing.assert_close(bernoulli(images, mean), expected)
    grey = torch.tanh(draw(5, 1, 3, 3))  # of which the most probable mean is the grey level itself
    assert (bernoulli(grey, grey) > bernoulli(grey, mean)).all()


@pytest.mark.parametrize(
    ("term", "shapes"),
    [(gaussian, [(2, 1, 2, 2), (2, 1, 2, 2), ()]), (kl_to_standard_normal, [(2, 3), (2, 3)])],
)
def test_gradients(term, shapes):
    assert torch.autograd.gradcheck(term, [draw(*shape).requires_grad_() for shape in shapes])
