import numpy as np
import pytest
import torch

from gan_experiments.losses.non_saturating import NonSaturating


def log_sigmoid(x):
    return np.log(1 / (1 + np.exp(-x)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_is_the_cross_entropy_of_probabilities(outputs, smoothing):
    real, fake, r, f = outputs
    loss = NonSaturating(smoothing)
    target = 1 - smoothing
    reals = -(target * log_sigmoid(r) + (1 - target) * log_sigmoid(-r)).mean()
    assert loss.discriminator(real, fake).item() == pytest.approx(reals - log_sigmoid(-f).mean())
    assert loss.generator(fake).item() == pytest.approx(-log_sigmoid(f).mean())


def test_a_smoothed_discriminator_is_best_at_the_log_odds_of_its_target(outputs):
    real, fake, *_ = outputs
    (gradient,) = torch.autograd.grad(
        NonSaturating(0.1).discriminator(real * 0 + np.log(0.9 / 0.1), fake), real, retain_graph=True
    )
    assert gradient.abs().max().item() == pytest.approx(0)
