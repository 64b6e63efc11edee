import numpy as np
import pytest

from gan_experiments.losses.ebgan import EBGAN


def test_reals_have_low_energy_and_fakes_at_least_the_margin(outputs):
    real, fake, r, f = outputs
    loss = EBGAN(margin=0.8)
    assert loss.discriminator(real, fake).item() == pytest.approx(r.mean() + np.maximum(0, 0.8 - f).mean())
    assert loss.generator(fake).item() == pytest.approx(f.mean())
