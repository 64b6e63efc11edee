import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.losses.relativistic_pairing import RelativisticPairing


def test_is_the_cross_entropy_of_differences_of_pairs(outputs):
    real, fake, r, f = outputs
    loss = RelativisticPairing()
    assert loss.discriminator(real, fake).item() == pytest.approx(np.log1p(np.exp(-(r - f))).mean())
    assert loss.generator(fake, real).item() == pytest.approx(np.log1p(np.exp(-(f - r))).mean())


@given(shift=st.floats(-100, 100))
def test_only_differences_matter(shift):
    real, fake = torch.tensor([1.0, -2.0], dtype=torch.float64), torch.tensor([0.5, 3.0], dtype=torch.float64)
    loss = RelativisticPairing()
    torch.testing.assert_close(loss.discriminator(real + shift, fake + shift), loss.discriminator(real, fake))
