"""The expected Fréchet distance of a perfect generator, against distances of new draws from known distributions."""

import math
import statistics

import pytest
import torch

from gan_experiments.metrics.functional import (
    divide,
    expected_class_wise_distances,
    expected_frechet_distance,
    extrapolated_frechet_distance,
    fit_gaussian,
    frechet_distance,
)
from gan_experiments.metrics.functional.expected_frechet import half_splits, normal_distances

SCALE = torch.arange(1, 49, dtype=torch.float64) ** -0.5


def normal(count):
    return torch.randn(count, len(SCALE), dtype=torch.float64) * SCALE


def heavy(count):
    chi = torch.randn(count, 8, dtype=torch.float64).square().mean(1, keepdim=True).sqrt()
    return normal(count) / chi


def distance(one, other):
    return frechet_distance(fit_gaussian(one), fit_gaussian(other))


def test_half_splits_are_balanced_and_orthogonal():
    signs = torch.tensor([[1 if part in first else -1 for part in range(8)] for first, _ in half_splits()])
    assert torch.equal(signs @ signs.T, 8 * torch.eye(7, dtype=torch.int64))
    assert not signs.sum(1).any()


@pytest.mark.parametrize("draw", [normal, heavy])
@pytest.mark.parametrize(("samples", "real"), [(24, 160), (24, 40), (400, 40), (800, 160)])
def test_is_what_new_draws_get(draw, samples, real):
    """Fewer and more samples, generated and real, than features."""
    torch.manual_seed(0)
    got = [distance(draw(real), draw(samples)) for _ in range(60)]
    said = [expected_frechet_distance(divide(draw(real)), samples) for _ in range(12)]
    assert statistics.fmean(value for value, _ in said) == pytest.approx(statistics.fmean(got), rel=0.1)
    if draw is normal:
        assert statistics.fmean(spread for _, spread in said) == pytest.approx(statistics.stdev(got), rel=0.35)


def test_normal_distances_are_those_of_drawn_covariances():
    torch.manual_seed(0)
    spectrum, sizes = SCALE.square(), [(20, 30), (20, 300), (300, 100)]
    expected = []
    for n, m in sizes:
        drawn = [(normal(n), normal(m)) for _ in range(60)]
        expected.append(statistics.fmean(distance(one - one.mean(0), other - other.mean(0)) for one, other in drawn))
    assert normal_distances(spectrum, sizes, 10) == pytest.approx(expected, rel=0.03)


def test_infinitely_many_samples_are_the_limit_of_many():
    torch.manual_seed(0)
    parts = divide(normal(200))
    assert expected_frechet_distance(parts, math.inf)[0] == pytest.approx(
        expected_frechet_distance(parts, 10**7)[0], rel=1e-3
    )


def test_the_extrapolated_distance_of_new_draws_is_that_of_infinitely_many():
    torch.manual_seed(0)
    reals = [normal(100) for _ in range(12)]
    got = [extrapolated_frechet_distance(fit_gaussian(real), normal(600), seed=0) for real in reals]
    said = [expected_frechet_distance(divide(real), math.inf)[0] for real in reals]
    assert statistics.fmean(said) == pytest.approx(statistics.fmean(got), rel=0.1)


def test_constant_features_change_nothing():
    torch.manual_seed(0)
    features = normal(300)
    constant = torch.cat([features, torch.ones(300, 20)], 1)
    expected, _ = expected_frechet_distance(divide(features), 300)
    assert expected_frechet_distance(divide(constant), 300)[0] == pytest.approx(expected, rel=0.05)
    assert expected_frechet_distance(divide(torch.ones(300, 3, dtype=torch.float64)), 300) == (0.0, 0.0)


def test_too_few_real_samples_are_refused():
    gaussian = fit_gaussian(normal(15))
    parts = divide(normal(16))._replace(whole=gaussian)
    with pytest.raises(ValueError, match="needs 16 real samples, not 15"):
        expected_frechet_distance(parts, 100)


def test_class_wise_distances_are_what_new_draws_get():
    torch.manual_seed(0)
    labels = torch.arange(800) % 4

    def draw(count):
        return normal(count) * (1 + labels[:count, None])

    def class_distances(real, fake):
        return [distance(real[labels == label], fake[labels[: len(fake)] == label]) for label in range(4)]

    got = torch.tensor([class_distances(draw(800), draw(400)) for _ in range(40)])
    said = torch.stack([expected_class_wise_distances(draw(800), labels, 4, 100) for _ in range(4)])
    assert said.mean((0, 1)).tolist() == pytest.approx(got.mean(0).tolist(), rel=0.1)
    assert said.amax(2).mean().item() == pytest.approx(got.amax(1).mean().item(), rel=0.1)
