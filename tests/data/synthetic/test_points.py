import math

import pytest
import torch
from scipy.stats import kstest

from gan_experiments.data.synthetic.points import EXTENT, GaussianMixture, Grid, Ring, SwissRoll

SETS = [Ring(), Grid(), SwissRoll(), Ring(modes=3, std=0.05, num_points=3000)]


@pytest.mark.parametrize("data", SETS, ids=lambda data: f"{data.facts.name}{data.facts.num_classes}")
def test_points_are_what_the_facts_say(data):
    facts = data.facts
    assert data.images.shape == (facts.num_images, facts.channels, facts.image_size, facts.image_size)
    assert data.images.dtype == torch.float32
    assert data.images.abs().max() <= 1
    counts = data.labels.bincount(minlength=facts.num_classes)
    expected = facts.num_images / facts.num_classes
    assert (counts - expected).abs().max() < 5 * expected**0.5


def test_every_run_gets_the_same_points():
    assert Ring().fingerprint == Ring().fingerprint != Grid().fingerprint


def test_the_modes_of_the_ring_are_its_eight_directions():
    points, labels = Ring().images.flatten(1), Ring().labels
    for mode in range(8):
        of_mode = points[labels == mode].double()
        angle = mode * math.pi / 4
        center = EXTENT * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        assert torch.allclose(of_mode.mean(0), center, atol=3e-4)
        assert torch.allclose(of_mode.std(0), torch.full((2,), 0.01 * EXTENT).double(), rtol=0.03)


def test_the_first_gaussian_of_a_ring_may_have_twice_the_weight():
    """As of np.linspace(0, 2 pi, 8), whose last angle is its first."""
    data = Ring(modes=7, first_twice=True)
    counts = data.labels.bincount(minlength=7).double() / len(data.labels)
    expected = torch.tensor([2.0, 1, 1, 1, 1, 1, 1]).double() / 8
    assert torch.allclose(counts, expected, atol=0.005)
    assert torch.allclose(data.known_distribution.weights / 7, expected.float())
    assert data.fingerprint != Ring(modes=7).fingerprint


def test_the_grid_has_the_proportions_of_the_paper():
    centers = Grid().known_distribution._centers
    spacing = (centers[1] - centers[0]).norm()
    assert len(centers) == 25
    assert Grid().known_distribution._std / spacing == pytest.approx(
        0.05 / 2
    )  # deviation 0.05 in steps of 2 (Lin et al. 2018)


@pytest.mark.parametrize(
    ("data", "share"),
    [(Ring(), 1 - math.exp(-4.5)), (Grid(), 1 - math.exp(-4.5)), (SwissRoll(), math.erf(3 / math.sqrt(2)))],
    ids=["ring", "grid", "swiss roll"],
)
def test_real_points_count_as_real(data, share):
    """Within three deviations lie 98.9 % of a Gaussian in the plane, 99.7 % of one across a curve."""
    cells, real = data.known_distribution.assign_modes(data.images)
    assert real.double().mean() == pytest.approx(share, abs=0.001)
    assert (cells == data.labels).double().mean() > (0.999 if data.facts.name != "swiss_roll" else 0.9)


def test_deviations_of_the_ring_are_normal():
    data = Ring()
    offsets = (
        data.images.flatten(1)[:, 0] - data.known_distribution._centers[data.labels, 0]
    ) / data.known_distribution._std
    assert kstest(offsets[:5000].numpy(), "norm").pvalue > 0.001


def test_points_within_three_deviations_count_as_real():
    distribution = GaussianMixture(torch.zeros(1, 2, dtype=torch.float64), std=0.1)
    points = torch.tensor([[0.299, 0.0], [0.0, 0.301], [0.2, 0.2], [0.22, 0.22]]).view(-1, 2, 1, 1)
    assert distribution.assign_modes(points)[1].tolist() == [True, False, True, False]
