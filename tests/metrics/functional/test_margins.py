import pytest
import torch
from gaussians import normal
from scipy import stats

from gan_experiments.metrics.functional.margins import jackknife_margin, margin_of_mean, margin_of_share


def test_margin_of_a_mean_is_half_its_normal_interval():
    samples = normal(400, 1).flatten()
    low, high = stats.norm.interval(0.95, scale=samples.std(correction=0).item() / 20)
    assert margin_of_mean(samples) == pytest.approx((high - low) / 2, rel=1e-3)


def test_margin_of_a_share_is_that_of_its_indicators():
    hits = torch.arange(50) < 20
    assert margin_of_share(0.4, 50) == pytest.approx(margin_of_mean(hits))


def test_jackknife_of_a_mean_is_its_t_interval():
    """For a mean over equal groups, the jackknife's standard error is that of the mean of group means."""
    groups = normal(10, 30).mean(1)
    without = [(groups.sum() - group).item() / 9 for group in groups]
    low, high = stats.t.interval(0.95, 9, scale=groups.std().item() / 10**0.5)
    assert jackknife_margin(without) == pytest.approx((high - low) / 2, rel=1e-3)


def test_another_number_of_groups_is_refused():
    with pytest.raises(ValueError, match="10 values, one without each group, not 3"):
        jackknife_margin([1.0, 2.0, 3.0])
