import math
import statistics

import numpy as np
import pytest
import torch
from gaussians import normal
from scipy.stats import multivariate_normal

from gan_experiments.metrics.functional import feature_likelihood_score
from gan_experiments.metrics.functional.feature_likelihood import fit_variances, mean_loss


def test_the_loss_is_that_of_a_mixture_of_gaussians():
    samples, centres, logarithms = normal(9, 3), normal(5, 3, seed=1), normal(5, 1, seed=2)[:, 0]
    densities = np.mean(
        [
            multivariate_normal(c, np.exp(v) * np.eye(3)).pdf(samples.numpy())
            for c, v in zip(centres.numpy(), logarithms.numpy(), strict=True)
        ],
        axis=0,
    )
    found = mean_loss(torch.cdist(samples, centres).square(), logarithms, 3).item()
    assert found + 1.5 * math.log(2 * math.pi) == pytest.approx(-np.log(densities).mean())


def test_the_fit_is_that_of_the_authors():
    """``optimize_sigmas``, in its own words."""
    distances = torch.cdist(normal(40, 3), normal(30, 3, seed=1)).square()
    log_sigmas = torch.ones(30, dtype=torch.float64, requires_grad=True)
    log_sigmas.data = 0 * log_sigmas
    optim = torch.optim.Adam([log_sigmas], lr=0.5)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optim, milestones=[50], gamma=0.1)
    for _ in range(100):
        exponent = (-0.5 * distances) / torch.exp(log_sigmas) - (3 / 2) * log_sigmas + math.log(1 / 30)
        loss = torch.mean(-torch.logsumexp(exponent, dim=1))
        optim.zero_grad()
        loss.backward()
        optim.step()
        scheduler.step()
        log_sigmas.data = log_sigmas.clamp(-100, 20).data
    assert torch.allclose(fit_variances(distances, 3), log_sigmas.detach())


def test_real_images_get_100_and_copies_and_bad_ones_less():
    drawn = [normal(320, 4, seed=seed).split(80) for seed in range(3)]
    as_good = [feature_likelihood_score(*sets) for sets in drawn]
    assert statistics.fmean(as_good) == pytest.approx(100, abs=3 * statistics.stdev(as_good) / 3**0.5 + 1)
    training, reference, held_out, fake = drawn[0]
    assert feature_likelihood_score(training, fake, held_out, fake) == pytest.approx(100)
    assert feature_likelihood_score(training, reference, held_out, training + 1e-4) < as_good[0] - 20  # copies
    assert feature_likelihood_score(training, reference, held_out, fake + 3) < as_good[0] - 20
    assert feature_likelihood_score(training, reference, held_out, fake[:1].repeat(80, 1)) < as_good[0] - 20
    with torch.inference_mode():
        assert feature_likelihood_score(*(each.clone() for each in drawn[0])) == pytest.approx(as_good[0])
    with pytest.raises(ValueError, match="at least 2 samples of each set"):
        feature_likelihood_score(training[:1], reference, held_out, fake)
