import numpy as np
import pytest
import torch

from gan_experiments.losses.dual_contrastive import DualContrastive


def test_is_the_cross_entropy_of_one_against_many(outputs):
    real, fake, r, f = outputs
    reals = -np.mean([np.log(np.exp(x) / (np.exp(x) + np.exp(f).sum())) for x in r])
    fakes = -np.mean([np.log(np.exp(-x) / (np.exp(-x) + np.exp(-r).sum())) for x in f])
    assert DualContrastive().discriminator(real, fake).item() == pytest.approx(reals + fakes)
    assert DualContrastive().generator(fake, real).item() == pytest.approx(-reals - fakes)


def test_with_one_pair_it_is_twice_the_relativistic_loss():
    real, fake = torch.tensor([0.3]), torch.tensor([-1.2])
    torch.testing.assert_close(
        DualContrastive().discriminator(real, fake), 2 * torch.nn.functional.softplus(fake - real).sum()
    )
