"""Expected scores of a perfect generator, against scores of new draws from known distributions."""

import statistics

import pytest
import torch

from gan_experiments.metrics.functional import (
    expected_inception_score,
    expected_kernel_distance,
    expected_precision_recall_density_coverage,
    inception_score,
    kernel_distance,
    precision_recall_density_coverage,
)

FEATURES, CLASSES = 24, 8
SIZES = [(100, 240), (500, 80)]  # generated and real samples


def draw(count):
    """Draw from a mixture of three Gaussians."""
    centers = 2 * torch.eye(3, FEATURES, dtype=torch.float64)
    return centers[torch.randint(3, (count,))] + torch.randn(count, FEATURES, dtype=torch.float64)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize(("samples", "real"), [*SIZES, (1000, 60)])  # more samples in a split than real ones, too
def test_inception_score(samples, real):
    head = torch.randn(FEATURES, CLASSES, dtype=torch.float64)
    got = [inception_score(draw(samples) @ head, splits=10)[0] for _ in range(60)]
    said = [expected_inception_score(draw(real) @ head, samples, 10) for _ in range(40)]
    assert statistics.fmean(value for value, _ in said) == pytest.approx(statistics.fmean(got), rel=0.03)
    assert statistics.fmean(spread for _, spread in said) == pytest.approx(statistics.stdev(got), rel=0.3)


def test_inception_score_does_not_depend_on_the_order_of_real_samples():
    """Those of a dataset may be sorted by class."""
    logits = 9 * torch.eye(4)[torch.arange(4).repeat_interleave(100)]
    assert expected_inception_score(logits, 1000, 10)[0] > 3.5


@pytest.mark.parametrize(("samples", "real"), SIZES)
def test_kernel_distance(samples, real):
    got = torch.tensor([kernel_distance(draw(real), draw(samples), seed, 20, 50) for seed in range(80)])
    said = [expected_kernel_distance(draw(real), samples, 20, 50) for _ in range(10)]
    deviation, mean = got[:, 0].std().item(), got[:, 0].mean().item()
    assert all(each["kid"][0] == 0 for each in said)
    assert abs(mean) < 0.4 * deviation
    assert statistics.fmean(each["kid"][1] for each in said) == pytest.approx(deviation, rel=0.25)
    assert statistics.fmean(each["kid_spread"][0] for each in said) == pytest.approx(got[:, 1].mean().item(), rel=0.1)


@pytest.mark.parametrize(("samples", "real"), [*SIZES, (40, 400)])
def test_precision_recall_density_coverage(samples, real):
    scores = [precision_recall_density_coverage(draw(real), draw(samples)).means() for _ in range(40)]
    said = [expected_precision_recall_density_coverage(draw(real), samples) for _ in range(20)]
    for name in scores[0]:
        got = [each[name] for each in scores]
        assert statistics.fmean(each[name][0] for each in said) == pytest.approx(statistics.fmean(got), rel=0.06), name
        spread = statistics.fmean(each[name][1] for each in said)
        assert 0.5 * statistics.stdev(got) < spread < 1.3 * statistics.stdev(got) or name == "coverage"


def test_a_few_real_samples_have_values_and_no_spread():
    said = expected_precision_recall_density_coverage(draw(8), 100)
    assert all(0 < value <= 1 and spread is None for value, spread in said.values())
