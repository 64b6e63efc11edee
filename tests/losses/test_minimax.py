import numpy as np
import pytest
import torch

from gan_experiments.losses.minimax import Minimax


def test_the_generator_minimizes_what_the_discriminator_maximizes(outputs):
    real, fake, _, f = outputs
    loss = Minimax()
    assert loss.generator(fake).item() == pytest.approx(np.log(1 - 1 / (1 + np.exp(-f))).mean())
    (of_discriminator,) = torch.autograd.grad(loss.discriminator(real, fake), fake)
    (of_generator,) = torch.autograd.grad(loss.generator(fake), fake)
    torch.testing.assert_close(of_generator, -of_discriminator)


def test_it_saturates_where_the_discriminator_is_sure():
    fake = torch.tensor([-20.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(Minimax().generator(fake), fake)
    assert 0 > gradient.item() > -1e-8
