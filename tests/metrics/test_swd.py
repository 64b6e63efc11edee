import pytest
import torch
from pixels import evaluator, from_tensor, noise

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.functional import sliced_wasserstein_distance
from gan_experiments.metrics.functional.sliced_wasserstein import normalized_descriptors, patch_descriptors
from gan_experiments.metrics.swd import SWD


def textures(count, seed, blur=1):
    """Grey images of random texture; the larger ``blur``, the coarser."""
    drawn = torch.randn(count, 1, 32, 32, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.avg_pool2d(drawn, blur, 1, blur // 2) * blur
    return (128 + 30 * smooth).clamp(0, 255).to(torch.uint8)[:, :, :32, :32]


@pytest.fixture(scope="module")
def data():
    real = noise(size=32, channels=1)
    real.images = textures(120, 0)
    return real


def compared(data, images, count=60):
    measure = SWD(images=50, patches=64, directions=32)
    of_it = evaluator(data, names=(), features={}, measures={"swd": measure})
    return of_it.final(from_tensor(images), count)


def test_new_images_are_at_the_real_baseline_and_blurred_ones_above_it(data):
    new, blurred = compared(data, textures(60, 1)), compared(data, textures(60, 1, blur=3))
    assert set(new) == {"swd", "swd_16", "swd_32"}
    for name, estimate in new.items():
        assert estimate.value == pytest.approx(estimate.real_baseline, rel=0.35)
        assert blurred[name].value > 1.5 * estimate.real_baseline
        assert estimate.higher_is_better is False
    assert new["swd"].value == pytest.approx((new["swd_16"].value + new["swd_32"].value) / 2)


def test_it_is_the_distance_of_patches_of_as_many_images(data):
    images = textures(60, 1)
    found = compared(data, images)["swd_16"].value
    measure = SWD(images=50, patches=64, directions=32)
    measure.prepare(data)
    real = measure._real(0, 50)[1]
    fake = patch_descriptors(images[:50], 64)[1]
    sets = (normalized_descriptors(each) for each in (real, fake))
    assert found == pytest.approx(1000 * sliced_wasserstein_distance(*sets, seed=0, directions=32), rel=1e-4)


def test_images_that_are_too_small_are_refused():
    with pytest.raises(ConfigError, match=r"metrics\.measures\.swd: .* at least 2 images of 16 pixels, not 3 of 8"):
        evaluator(noise(), names=(), features={}, measures={"swd": SWD()}).prepare()
