import numpy as np
import pytest
import torch

from gan_experiments.losses.hinge import Hinge


def test_is_the_margin_loss(outputs):
    real, fake, r, f = outputs
    expected = np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean()
    assert Hinge().discriminator(real, fake).item() == pytest.approx(expected)
    assert Hinge().generator(fake).item() == pytest.approx(-f.mean())


def test_outputs_beyond_the_margin_cost_nothing():
    assert Hinge().discriminator(torch.tensor([1.0, 5.0]), torch.tensor([-1.0, -9.0])) == 0
