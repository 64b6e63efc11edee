import statistics

import numpy as np
import pytest
import scipy.ndimage
import torch
from gaussians import correlated, normal
from scipy.optimize import linear_sum_assignment
from scipy.stats import wasserstein_distance

from gan_experiments.core.randomness import Stream
from gan_experiments.metrics.functional import (
    expected_monge_inception_distance,
    monge_inception_distance,
    sliced_wasserstein_distance,
)
from gan_experiments.metrics.functional.sliced_wasserstein import (
    laplacian_pyramid,
    normalized_descriptors,
    patch_descriptors,
)

IMAGES = torch.randint(0, 256, (3, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_it_is_the_mean_distance_in_one_dimension():
    first, second = normal(50, 6), 1.5 * normal(50, 6, seed=1) + 0.2
    directions = Stream(3, "swd", "directions").normal(20, 6).double().numpy()
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    expected = np.mean([wasserstein_distance(first.numpy() @ each, second.numpy() @ each) for each in directions])
    assert sliced_wasserstein_distance(first, second, 3, directions=20) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match="sets of one size, not 50 and 40"):
        sliced_wasserstein_distance(first, second[:40], 3)


def test_mind_is_the_mean_cost_of_the_best_assignment_in_one_dimension():
    real, fake = normal(40, 6), 1.5 * normal(40, 6, seed=1) + 0.2
    directions = Stream(3, "mind", "directions").normal(20, 6).double().numpy()
    costs = []
    for each in directions / np.linalg.norm(directions, axis=1, keepdims=True):
        pairs = (real.numpy() @ each)[:, None] - fake.numpy() @ each
        costs.append(np.square(pairs[linear_sum_assignment(pairs**2)]).mean())
    found = monge_inception_distance(real, fake, 3, directions=20)
    assert found == pytest.approx(3 * 6 * np.mean(costs), rel=1e-6)
    assert found == pytest.approx(monge_inception_distance(fake, real, 3, directions=20), rel=1e-6)


def test_mind_compares_as_many_samples_as_the_smaller_set_has():
    real, far = normal(300, 6), normal(300, 6, seed=1) + 1
    assert monge_inception_distance(real, real, 0) == 0
    assert monge_inception_distance(real, far, 0) == pytest.approx(18, rel=0.1)  # |shift|² / D in a direction
    assert monge_inception_distance(real, real[:60], 0) > monge_inception_distance(real, real[:240], 0) > 0


@pytest.mark.parametrize(("samples", "real"), [(60, 240), (300, 200)])
def test_mind_of_a_perfect_generator(samples, real):
    def drawn(count, seed):
        return correlated(count, 12, seed=seed, decay=1)

    got = [monge_inception_distance(drawn(real, 500 + seed), drawn(samples, seed), seed, 50) for seed in range(60)]
    said = [expected_monge_inception_distance(drawn(real, 100 + seed), samples, 50) for seed in range(30)]
    assert statistics.fmean(mean for mean, _ in said) == pytest.approx(statistics.fmean(got), rel=0.1)
    assert statistics.fmean(spread for _, spread in said) == pytest.approx(statistics.stdev(got), rel=0.5)


def pyramid_by_hand(images, levels):
    """``generate_laplacian_pyramid`` of the authors, with SciPy's convolution."""
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])[None, None] / 256

    def down(image):
        return scipy.ndimage.convolve(image, kernel, mode="mirror")[:, :, ::2, ::2]

    pyramid = [images.numpy().astype(np.float64)]
    for _ in range(levels - 1):
        pyramid.append(down(pyramid[-1]))
        wide = np.zeros_like(pyramid[-2])
        wide[:, :, ::2, ::2] = pyramid[-1]
        pyramid[-2] = pyramid[-2] - scipy.ndimage.convolve(wide, 4 * kernel, mode="mirror")
    return pyramid


def test_the_pyramid_is_that_of_the_authors():
    found, expected = laplacian_pyramid(IMAGES.float()), pyramid_by_hand(IMAGES, 3)
    assert [level.shape[2] for level in found] == [64, 32, 16]
    for level, theirs in zip(found, expected, strict=True):
        assert np.allclose(level.numpy(), theirs, atol=1e-3)
    assert [level.shape[2] for level in laplacian_pyramid(IMAGES[:, :, :28, :28].float())] == [28]
    assert [level.shape[2] for level in laplacian_pyramid(IMAGES[:, :, :50, :50].float())] == [50, 25]


def test_patches_are_parts_of_their_image_wherever_it_stands():
    coarse = laplacian_pyramid(IMAGES.float())[2]
    patches = patch_descriptors(IMAGES, 5)[2]
    assert patches.shape == (15, 3, 7, 7)
    windows = coarse[1].unfold(1, 7, 1).unfold(2, 7, 1).flatten(1, 2).transpose(0, 1)
    assert all(any(torch.equal(patch, window) for window in windows) for patch in patches[5:10])
    assert len({tuple(patch.flatten().tolist()) for patch in patches[5:10]}) > 1
    assert torch.allclose(patch_descriptors(IMAGES[1:2], 5)[2], patches[5:10], atol=1e-4)


def test_channels_are_normalized_over_the_set():
    drawn = 7 + 3 * torch.randn(40, 2, 7, 7, generator=torch.Generator().manual_seed(0))
    found = normalized_descriptors(drawn).view(40, 2, 49)
    assert torch.allclose(found.mean((0, 2)), torch.zeros(2), atol=1e-5)
    assert torch.allclose(found.std((0, 2), correction=0), torch.ones(2), atol=1e-5)
    assert normalized_descriptors(torch.ones(4, 1, 7, 7)).isfinite().all()
