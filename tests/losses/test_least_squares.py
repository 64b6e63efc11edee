import pytest

from gan_experiments.losses.least_squares import LeastSquares


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_is_half_the_squared_distance_to_its_targets(outputs, smoothing):
    real, fake, r, f = outputs
    loss = LeastSquares(smoothing)
    expected = 0.5 * ((r - 1 + smoothing) ** 2).mean() + 0.5 * (f**2).mean()
    assert loss.discriminator(real, fake).item() == pytest.approx(expected)
    assert loss.generator(fake).item() == pytest.approx(0.5 * ((f - 1) ** 2).mean())
