import numpy as np
import pytest
import torch

from gan_experiments.losses.f_gan import FGAN

# The functions f of the divergences, from their definitions alone: no activation, no conjugate.
DIVERGENCES = {
    "kl": lambda u: u * np.log(u),
    "reverse_kl": lambda u: -np.log(u),
    "pearson": lambda u: (u - 1) ** 2,
    "squared_hellinger": lambda u: (np.sqrt(u) - 1) ** 2,
    "jensen_shannon": lambda u: -(u + 1) * np.log((1 + u) / 2) + u * np.log(u),
}
DATA, SAMPLES = np.array([5, 2, 1]), np.array([2, 3, 3])  # how often each of three points occurs


def divergence(name):
    p, q = DATA / DATA.sum(), SAMPLES / SAMPLES.sum()
    return (q * DIVERGENCES[name](p / q)).sum()


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_best_discriminator_reaches_the_divergence(name):
    loss = FGAN(name)
    v = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    real, fake = (torch.arange(3).repeat_interleave(torch.tensor(counts)) for counts in (DATA, SAMPLES))
    optimizer = torch.optim.LBFGS([v], lr=0.5, max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-15)

    def closure():
        optimizer.zero_grad()
        value = loss.discriminator(v[real], v[fake])
        value.backward()
        return value

    optimizer.step(closure)
    assert -closure().item() == pytest.approx(divergence(name), rel=1e-6)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_saturating_generator_minimizes_the_bound(name, outputs):
    real, fake, *_ = outputs
    loss = FGAN(name, saturating=True)
    (of_discriminator,) = torch.autograd.grad(loss.discriminator(real, fake), fake)
    (of_generator,) = torch.autograd.grad(loss.generator(fake), fake)
    torch.testing.assert_close(of_generator, -of_discriminator)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_other_generator_maximizes_what_reals_earn(name, outputs):
    real, *_ = outputs
    loss = FGAN(name)
    (of_discriminator,) = torch.autograd.grad(loss.discriminator(real, torch.zeros(1)), real)
    (of_generator,) = torch.autograd.grad(loss.generator(real), real)
    torch.testing.assert_close(of_generator, of_discriminator)
