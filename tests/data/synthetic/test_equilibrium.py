import pytest
import torch
from config_view import problems

from gan_experiments.data.synthetic.equilibrium import Dirac, Gaussian


def test_a_point_mass():
    data = Dirac(num_points=7)
    assert torch.equal(data.images, torch.zeros(7, 1, 1, 1))
    assert (data.labels, data.equilibrium.tolist()) == (None, [[0.0]])
    assert (data.facts.image_size, data.facts.channels, data.facts.num_classes) == (1, 1, 0)


@pytest.mark.parametrize("stds", [[0.2], [0.1, 0.2]])
def test_a_gaussian_of_exactly_these_moments(stds):
    data = Gaussian(stds, num_points=20000)
    points = data.images.flatten(1).double()
    assert data.images.shape == (20000, len(stds), 1, 1)
    torch.testing.assert_close(points.mean(0), torch.zeros(len(stds)).double(), atol=1e-6, rtol=0)
    expected = torch.diag(torch.tensor(stds).double().square())
    torch.testing.assert_close(points.T @ points / 20000, expected, atol=1e-8, rtol=0)
    assert data.fingerprint == Gaussian(stds, num_points=20000).fingerprint


def test_the_equilibrium_keeps_the_largest_components():
    assert Gaussian([0.1, 0.2]).equilibrium.flatten().tolist() == pytest.approx([0, 0, 0, 0.04])
    assert Gaussian([0.1, 0.2], components=2).equilibrium.flatten().tolist() == pytest.approx([0.01, 0, 0, 0.04])


def test_more_components_than_axes_are_refused():
    dataset = {"_target_": Gaussian, "stds": [0.1], "components": 2}
    assert problems({"dataset": dataset}, "dataset") == [
        "dataset.components: 2 are more than the 1 axes of dataset.stds"
    ]
    assert problems({"dataset": dataset | {"components": 1}}, "dataset") == []


def test_points_without_a_covariance_of_full_rank_are_refused():
    dataset = {"_target_": Gaussian, "stds": [0.1, 0.2], "components": 1, "num_points": 2}
    assert problems({"dataset": dataset}, "dataset") == [
        "dataset.num_points: 2 points have no covariance of full rank; take 3"
    ]
    assert problems({"dataset": dataset | {"num_points": 3}}, "dataset") == []
    assert Gaussian([0.1, 0.2], num_points=3).images.isfinite().all()
