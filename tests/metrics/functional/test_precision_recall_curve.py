import statistics

import numpy as np
import pytest
import torch
from gaussians import normal

from gan_experiments.metrics.functional import expected_precision_recall_curve, precision_recall_curve
from gan_experiments.metrics.functional.precision_recall_curve import curve_of_histograms, f_scores


def mixture(count, modes, seed=0):
    """Points around the corners of a cube, far apart."""
    centers = 50 * torch.eye(modes, 8, dtype=torch.float64)
    return centers[torch.arange(count) % modes] + normal(count, 8, seed)


def by_hand(real, fake, angles=1001):
    """``compute_prd`` and ``prd_to_max_f_beta_pair`` of the authors."""
    slopes = np.tan(np.linspace(1e-10, np.pi / 2 - 1e-10, angles))
    precision = np.array([np.minimum(real * slope, fake).sum() for slope in slopes])
    recall = precision / slopes
    precision, recall = precision.clip(0, 1), recall.clip(0, 1)
    scores = [
        ((1 + beta**2) * precision * recall / (beta**2 * precision + recall + 1e-10)).max() for beta in (1 / 8, 8)
    ]
    return precision, recall, scores


def test_of_histograms_it_is_that_of_the_authors():
    real, fake = torch.tensor([5, 0, 20, 35, 40]), torch.tensor([10, 30, 0, 30, 30])
    expected = by_hand(real.numpy() / 100, fake.numpy() / 100)
    found = curve_of_histograms(real, fake)
    assert np.allclose(found[0], expected[0])
    assert np.allclose(found[1], expected[1])
    assert [each.item() for each in f_scores(*found)] == pytest.approx(expected[2])
    assert expected[2][0] != pytest.approx(expected[2][1], abs=0.01)


def test_missing_modes_cost_recall_and_added_ones_precision():
    """Of 8 modes 4 are left out: precision stays at 1 where recall is up to a half, and the other way round."""
    all_modes, half = mixture(800, 8), mixture(800, 4, seed=1)
    fewer = precision_recall_curve(all_modes, half, 0, clusters=8, runs=1)
    more = precision_recall_curve(half, all_modes, 0, clusters=8, runs=1)
    assert fewer.f_precision > 0.95 > 0.65 > fewer.f_recall
    assert fewer.f_precision == pytest.approx(more.f_recall, abs=0.02)
    assert fewer.precision.max() == pytest.approx(1, abs=0.01)
    assert fewer.recall.max() == pytest.approx(0.5, abs=0.1)  # a cluster may hold several modes


def test_everything_random_follows_the_seed():
    real, fake = normal(90, 4), normal(120, 4, seed=1)
    torch.manual_seed(0)
    first = precision_recall_curve(real, fake, 3, runs=2)
    np.random.seed(5)
    again = precision_recall_curve(real, fake, 3, runs=2)
    assert torch.equal(first.precision, again.precision)
    assert first.f_recall != precision_recall_curve(real, fake, 4, runs=2).f_recall
    with pytest.raises(ValueError, match="100 clusters need at least as many samples, not 90"):
        precision_recall_curve(real, fake, 3, clusters=100)


def test_what_a_perfect_generator_gets():
    drawn = [normal(350, 4, seed=seed) for seed in range(9)]
    got = [precision_recall_curve(each[:200], each[200:], 0, runs=2) for each in drawn]
    said = [expected_precision_recall_curve(each[:200], 150) for each in drawn[:3]]
    for name in ("f_precision", "f_recall"):
        values = [getattr(each, name) for each in got]
        assert statistics.fmean(each[name][0] for each in said) == pytest.approx(statistics.fmean(values), abs=0.015)
        assert statistics.fmean(each[name][1] for each in said) < 3 * statistics.stdev(values)
