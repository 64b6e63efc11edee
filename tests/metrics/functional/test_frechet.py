"""Against nuclear norms, 40-digit arithmetic, torch-fidelity, torchmetrics and closed forms."""

import mpmath
import pytest
import torch
from gaussians import correlated, normal, reference_distance
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torchmetrics.image.fid import FrechetInceptionDistance

from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.functional.gaussian import Gaussian
from gan_experiments.metrics.moments import Moments


def gaussian(features, batch_size=50):
    moments = Moments(features.shape[1])
    for part in features.split(batch_size):
        moments.update(part)
    return moments.gaussian()


def distance(first, second):
    return frechet_distance(gaussian(first), gaussian(second))


def exact_distance(first, second):
    """Heusel et al. 2017, equation 6, with 40 digits throughout."""
    with mpmath.workdps(40):
        sets = [mpmath.matrix(features.tolist()) for features in (first, second)]
        means = [mpmath.ones(1, x.rows) * x / x.rows for x in sets]
        roots = [(x - mpmath.ones(x.rows, 1) * m) / mpmath.sqrt(x.rows - 1) for x, m in zip(sets, means, strict=True)]
        traces = [mpmath.mnorm(root, "f") ** 2 for root in roots]
        nuclear_norm = sum(mpmath.svd_r(roots[0] * roots[1].T, compute_uv=False))
        return float(mpmath.mnorm(means[0] - means[1], "f") ** 2 + sum(traces) - 2 * nuclear_norm)


FULL = [(200, 150), (65, 400)]
FEW = [(30, 40), (64, 64), (2, 50)]
MIXED = [(30, 400), (400, 30), (64, 65)]


@pytest.mark.parametrize("counts", FULL)
def test_it_is_the_reference_with_full_rank(counts):
    first, second = correlated(counts[0], 64), 1.1 * correlated(counts[1], 64, seed=1) + 0.05
    assert distance(first, second) == pytest.approx(reference_distance(first, second), rel=1e-6)
    assert distance(second, first) == pytest.approx(distance(first, second), rel=1e-9)


@pytest.mark.parametrize("counts", FEW + MIXED)
def test_it_is_the_reference_without(counts):
    first, second = correlated(counts[0], 64), 1.1 * correlated(counts[1], 64, seed=1) + 0.05
    assert distance(first, second) == pytest.approx(reference_distance(first, second), rel=1e-5)
    assert distance(second, first) == pytest.approx(distance(first, second), rel=1e-6)


@pytest.mark.parametrize("counts", [(14, 11), (6, 14), (5, 4)])
@pytest.mark.parametrize("columns", [(), (2,), tuple(range(8))])
def test_distance_and_reference_agree_with_exact_arithmetic(counts, columns):
    first, second = correlated(counts[0], 8), 1.1 * correlated(counts[1], 8, seed=1) + 0.05
    for pair in [(constant(first, *columns), second), (constant(first, *columns), constant(second, *columns, 5))]:
        expected = exact_distance(*pair)
        assert reference_distance(*pair) == pytest.approx(expected, rel=1e-11)
        assert distance(*pair) == pytest.approx(expected, rel=1e-6)


class Given(torch.nn.Module):
    num_features = 64

    def forward(self, features):
        return features


@pytest.mark.parametrize("counts", [*FULL, *FEW, *MIXED])
def test_it_is_that_of_torchmetrics_and_torch_fidelity(counts):
    first, second = correlated(counts[0], 64), 1.1 * correlated(counts[1], 64, seed=1) + 0.05
    found = distance(first, second)
    metric = FrechetInceptionDistance(Given()).set_dtype(torch.float64)
    metric.update(first, real=True)
    metric.update(second, real=False)
    assert found == pytest.approx(metric.compute().item(), rel=1e-4)
    theirs = fid_statistics_to_metric(*map(fid_features_to_statistics, (first, second)), verbose=False)
    assert found == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)


@pytest.mark.parametrize("count", [2, 30, 64, 65, 66, 500])
def test_a_set_with_itself_in_another_order(count):
    features = correlated(count, 64)
    assert distance(features, features) == pytest.approx(0, abs=1e-6)
    assert distance(features, features.flip(0)) == pytest.approx(0, abs=1e-6)


def test_a_shifted_and_scaled_gaussian():
    """With commuting covariances, the squared distance of the means plus that of the standard deviations."""
    deviations = torch.linspace(0.5, 2, 6, dtype=torch.float64)
    first = Gaussian(10, torch.zeros(6).double(), deviations.square().diag())
    second = Gaussian(10, torch.full((6,), 3.0).double(), (1.5 * deviations).square().diag())
    expected = 6 * 9 + (0.5 * deviations).square().sum().item()
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-12)
    features = normal(100, 6)
    assert distance(features, features + 3) == pytest.approx(54, rel=1e-9)
    assert distance(features[:5], features[:5] + 3) == pytest.approx(54, rel=1e-9)


@pytest.mark.parametrize("batch_size", [1, 7, 300])
def test_batches_do_not_matter(batch_size):
    first, second = correlated(300, 64), correlated(200, 64, seed=1)
    expected = frechet_distance(gaussian(first), gaussian(second))
    assert frechet_distance(gaussian(first, batch_size), gaussian(second, batch_size)) == pytest.approx(expected, 1e-9)


def constant(features, *columns):
    return features.index_fill(1, torch.tensor(columns, dtype=torch.int64), 0.3)


def test_features_that_are_constant():
    first, second = correlated(300, 64), 1.1 * correlated(200, 64, seed=1)
    for one, other in [
        (constant(first, 3), second),
        (constant(first, 3), constant(second, 3, 5)),
        (constant(first, *range(64)), second),
        (constant(first, *range(64)), constant(second, *range(64))),
    ]:
        assert distance(one, other) == pytest.approx(reference_distance(one, other), rel=1e-5, abs=1e-9)


def test_features_that_repeat_each_other():
    """More samples than features, yet no full rank."""
    first, second = correlated(300, 32), 1.1 * correlated(200, 32, seed=1)
    doubled = [torch.cat([features, features], 1) for features in (first, second)]
    assert distance(*doubled) == pytest.approx(2 * distance(first, second), rel=1e-5)
    assert distance(doubled[0], correlated(300, 64)) == pytest.approx(
        reference_distance(doubled[0], correlated(300, 64))
    )


def test_samples_that_repeat_each_other():
    collapsed = correlated(1, 64).expand(300, 64)
    real = correlated(300, 64, seed=1)
    assert distance(collapsed, real) == pytest.approx(reference_distance(collapsed, real))
    assert distance(collapsed, collapsed) == 0


def test_scale_does_not_matter():
    first, second = correlated(300, 64), correlated(200, 64, seed=1)
    for scale in (1e-8, 1e8):
        assert distance(scale * first, scale * second) == pytest.approx(scale**2 * distance(first, second), rel=1e-6)


def test_different_features_are_refused():
    with pytest.raises(ValueError, match="64 features cannot be compared with 32"):
        distance(correlated(80, 64), correlated(80, 32))
