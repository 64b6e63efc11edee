import pytest
import torch
from gaussians import correlated, normal
from torch_fidelity.metric_kid import kid_features_to_metric
from torchmetrics.image.kid import KernelInceptionDistance, poly_mmd

from gan_experiments.metrics.functional.kernel_distance import kernel_distance, polynomial_mmd

REAL, FAKE = correlated(400, 32, decay=1), 1.2 * correlated(400, 32, seed=1, decay=1) + 0.1


class Given(torch.nn.Module):
    num_features = 32

    def forward(self, features):
        return features


def of_torch_fidelity(real, fake, subsets, subset_size):
    found = kid_features_to_metric(fake, real, kid_subsets=subsets, kid_subset_size=subset_size, verbose=False)
    return found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"]


def test_of_whole_sets_it_is_that_of_torch_fidelity_and_torchmetrics():
    found, _ = kernel_distance(REAL, FAKE, 0, subsets=1, subset_size=400)
    assert found == pytest.approx(of_torch_fidelity(REAL, FAKE, 1, 400)[0], rel=1e-9)
    metric = KernelInceptionDistance(Given(), subsets=1, subset_size=400).set_dtype(torch.float64)
    metric.update(REAL, real=True)
    metric.update(FAKE, real=False)
    assert found == pytest.approx(metric.compute()[0].item(), rel=1e-9)
    assert found == pytest.approx(poly_mmd(REAL, FAKE).item(), rel=1e-9)


def test_over_subsets_it_agrees_within_its_spread():
    found, spread = kernel_distance(REAL, FAKE, 0, subsets=200, subset_size=100)
    theirs, their_spread = of_torch_fidelity(REAL, FAKE, 200, 100)
    assert found == pytest.approx(theirs, abs=5 * spread * (2 / 200) ** 0.5)
    assert spread == pytest.approx(their_spread, rel=0.3)


def test_it_is_unbiased():
    """Of sets of one distribution the mean is zero, however few samples they have."""
    stream = normal(2 * 20 * 1000, 4).view(1000, 2, 20, 4)
    distances = torch.stack([polynomial_mmd(*pair) for pair in stream])
    assert distances.mean().item() == pytest.approx(0, abs=4 * distances.std().item() / 1000**0.5)


def test_the_diagonal_does_not_count():
    """By hand, with two samples of one feature each: k(x, y) = (xy + 1)^3."""
    first, second = torch.tensor([[0.0], [1.0]]).double(), torch.tensor([[2.0], [0.0]]).double()
    assert polynomial_mmd(first, second).item() == 1 + 1 - 2 * (1 + 1 + 27 + 1) / 4


def test_subsets_follow_the_seed_alone():
    torch.manual_seed(0)
    expected = kernel_distance(REAL, FAKE, 7, 5, 50)
    torch.manual_seed(1)
    assert kernel_distance(REAL, FAKE, 7, 5, 50) == expected
    assert kernel_distance(REAL, FAKE, 8, 5, 50) != expected


def test_half_precision_of_the_features_is_widened():
    found, _ = kernel_distance(REAL.float(), FAKE.float(), 0, 1, 400)
    assert found == pytest.approx(kernel_distance(REAL, FAKE, 0, 1, 400)[0], rel=1e-6)


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="in subsets of 1000 needs as many samples, not 400"):
        kernel_distance(REAL, FAKE, 0)
