import numpy as np
import pytest
import torch
from config_view import warnings
from scipy.ndimage import gaussian_filter

from gan_experiments.augment.blur import Blur
from gan_experiments.core.randomness import Stream
from gan_experiments.data.synthetic.polygons import Polygons

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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_computed_in_float32_under_autocast(dtype):
    images, blur = IMAGES.to(dtype), Blur(sigma=2.0, images=1000)
    expected = blur(images.float(), Stream(0), 0).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        blurred = blur(images, Stream(0), 0)
    assert blurred.dtype == dtype
    assert torch.equal(blurred, expected)


def test_a_filter_of_more_than_half_an_image_is_warned_of():
    for size, sigma, lines in ((32, {}, 1), (64, {}, 0), (32, {"sigma": 5.3}, 0), (8, {"sigma": 2.0}, 1)):
        config = {
            "dataset": {"_target_": Polygons, "image_size": size},
            "augment": {"blur": {"_target_": Blur, **sigma}},
        }
        found = warnings(config, "augment.blur")
        assert len(found) == lines
        assert all(line.startswith("augment.blur.sigma: the filter reaches") for line in found)
