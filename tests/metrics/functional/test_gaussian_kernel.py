import statistics

import numpy as np
import pytest
from gaussians import correlated, normal
from scipy.spatial.distance import cdist

from gan_experiments.metrics.functional import expected_gaussian_mmd, gaussian_mmd
from gan_experiments.metrics.functional.margins import margin_of_mean

REAL, FAKE = correlated(90, 16, decay=1) + 0.5, correlated(70, 16, seed=1, decay=1) + 0.7


def by_hand(real, fake, bandwidth=10):
    """Jayasumana et al. 2024: mean kernels over all pairs of unit vectors, times 1,000."""
    x, y = (features.numpy() / np.linalg.norm(features.numpy(), axis=1, keepdims=True) for features in (real, fake))
    xx, yy, xy = (np.exp(-(cdist(*pair) ** 2) / (2 * bandwidth**2)).mean() for pair in ((x, x), (y, y), (x, y)))
    return 1000 * (xx + yy - 2 * xy)


@pytest.mark.parametrize("bandwidth", [10, 0.5])
def test_it_is_that_of_the_paper(bandwidth):
    expected = by_hand(REAL, FAKE, bandwidth)
    assert expected > 0.1
    assert gaussian_mmd(REAL, FAKE, bandwidth).distance == pytest.approx(expected, rel=1e-9)
    assert gaussian_mmd(REAL, REAL).distance == pytest.approx(0, abs=1e-9)
    assert gaussian_mmd(7 * REAL.float(), FAKE).distance == pytest.approx(by_hand(REAL, FAKE), rel=1e-5)  # unit length


def test_the_margin_is_that_of_repeated_sampling():
    found = [gaussian_mmd(REAL, correlated(70, 16, seed=seed, decay=1) + 0.7) for seed in range(2, 60)]
    margins = [margin_of_mean(each.influence) for each in found]
    assert statistics.fmean(margins) == pytest.approx(
        1.96 * statistics.stdev(each.distance for each in found), rel=0.25
    )


@pytest.mark.parametrize(("samples", "real"), [(40, 120), (150, 60)])
@pytest.mark.parametrize("bandwidth", [10, 0.5])
def test_what_a_perfect_generator_gets(samples, real, bandwidth):
    drawn = normal(120 * (samples + real), 8).view(120, samples + real, 8)
    got = [gaussian_mmd(each[:real], each[real:], bandwidth).distance for each in drawn]
    said = [expected_gaussian_mmd(each[:real], samples, bandwidth) for each in drawn[:20]]
    error = statistics.stdev(got) / len(got) ** 0.5
    assert statistics.fmean(mean for mean, _ in said) == pytest.approx(statistics.fmean(got), abs=3 * error)
    assert statistics.fmean(spread for _, spread in said) == pytest.approx(statistics.stdev(got), rel=0.25)
