import statistics

import numpy as np
import pytest
import torch
from gaussians import correlated, normal
from scipy.linalg import eigvalsh

from gan_experiments.metrics.functional import expected_vendi_score, vendi_score


@pytest.mark.parametrize("count", [20, 60])  # fewer samples than features, and more
def test_it_is_that_of_the_paper(count):
    features = correlated(count, 40, decay=1) + 0.3
    unit = features.numpy() / np.linalg.norm(features.numpy(), axis=1, keepdims=True)
    shares = eigvalsh(unit @ unit.T / count)
    shares = shares[shares > 1e-15]
    expected = np.exp(-(shares * np.log(shares)).sum())
    assert expected > 3
    assert vendi_score(features) == pytest.approx(expected, rel=1e-9)
    assert vendi_score(9 * features.float()) == pytest.approx(expected, rel=1e-4)


def test_it_counts_what_is_different():
    directions = torch.eye(12, dtype=torch.float64)
    assert vendi_score(directions[:5].repeat(7, 1)) == pytest.approx(5)
    assert vendi_score(directions[:1].repeat(7, 1)) == pytest.approx(1)


@pytest.mark.parametrize(("samples", "real"), [(60, 240), (300, 200)])
def test_what_a_perfect_generator_gets(samples, real):
    got = [vendi_score(correlated(samples, 24, seed=seed, decay=1) + 0.1) for seed in range(60)]
    said = [expected_vendi_score(correlated(real, 24, seed=100 + seed, decay=1) + 0.1, samples) for seed in range(30)]
    assert statistics.fmean(mean for mean, _ in said) == pytest.approx(statistics.fmean(got), rel=0.02)
    assert statistics.fmean(spread for _, spread in said) == pytest.approx(statistics.stdev(got), rel=0.4)
    assert expected_vendi_score(normal(10, 3), 5)[1] is None  # too few to tell
