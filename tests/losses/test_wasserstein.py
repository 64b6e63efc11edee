import pytest

from gan_experiments.losses.wasserstein import Wasserstein


def test_is_the_difference_of_means(outputs):
    real, fake, r, f = outputs
    assert Wasserstein().discriminator(real, fake).item() == pytest.approx(f.mean() - r.mean())
    assert Wasserstein().generator(fake).item() == pytest.approx(-f.mean())
