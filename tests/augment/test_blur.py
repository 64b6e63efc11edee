import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from gan_experiments.augment.blur import Blur
from gan_experiments.core.randomness import Stream

IMAGES = torch.randn(2, 3, 20, 20, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("images_seen", "sigma"), [(0, 2.0), (500, 1.0), (800, 0.4)])
def test_it_is_a_gaussian_blur_that_decays_linearly(images_seen, sigma):
    """exp2(-(x / s)^2) is a Gaussian of standard deviation s / sqrt(2 ln 2), cut off at 3 s."""
    blurred = Blur(sigma=2.0, images=1000)(IMAGES, Stream(0), images_seen)
    deviation, radius = sigma / np.sqrt(2 * np.log(2)), int(3 * sigma)
    expected = gaussian_filter(IMAGES.double().numpy(), (0, 0, deviation, deviation), mode="constant", radius=radius)
    np.testing.assert_allclose(blurred, expected, atol=1e-6)


@pytest.mark.parametrize("images_seen", [900, 1000, 5000])
def test_afterwards_images_pass_untouched(images_seen):
    assert Blur(sigma=2.0, images=1000)(IMAGES, Stream(0), images_seen) is IMAGES
