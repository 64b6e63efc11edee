import math
from types import SimpleNamespace

import pytest
import torch
from config_view import problems

from gan_experiments.core.types import ConfigError
from gan_experiments.data.synthetic.equilibrium import Dirac, Gaussian
from gan_experiments.data.synthetic.points import Ring
from gan_experiments.metrics.equilibrium_distance import EquilibriumDistance


def measure(data, *parts):
    distance = EquilibriumDistance()
    distance.prepare(data)
    for part in parts:
        distance.update(part)
    return distance.scores()["equilibrium_distance"]


def test_of_a_point_it_is_its_distance_from_zero():
    assert measure(Dirac(), torch.full((40, 1, 1, 1), -0.3), torch.full((2, 1, 1, 1), -0.3)) == pytest.approx(0.3)
    assert measure(Dirac(), torch.zeros(40, 1, 1, 1)) == 0


def test_of_gaussians_with_the_same_axes_it_is_that_of_their_deviations():
    """The 2-Wasserstein distance of Gaussians whose covariances commute (Dowson & Landau 1982)."""
    points = Gaussian([0.2, 0.1], num_points=10000).images * torch.tensor([1.5, 0.5]).view(2, 1, 1)
    data = Gaussian([0.2, 0.1], components=1)
    assert measure(data, *points.split(300)) == pytest.approx(math.hypot(0.3 - 0.2, 0.05), rel=1e-3)


def test_it_refuses_other_data():
    with pytest.raises(ConfigError, match="the equilibrium on ring is not known"):
        EquilibriumDistance().prepare(Ring())
    node = {"_target_": EquilibriumDistance}
    config = {"metrics": {"measures": {"distance": node}}, "dataset": {"_target_": Ring}}
    (line,) = problems(config, "metrics.measures.distance")
    assert line.endswith("take dataset=dirac or dataset=gaussian")
    assert problems(config | {"dataset": {"_target_": Dirac}}, "metrics.measures.distance") == []


def test_real_points_do_not_count():
    distance = EquilibriumDistance()
    distance.prepare(SimpleNamespace(equilibrium=torch.zeros(1, 1, dtype=torch.float64)))
    distance.update(torch.ones(5, 1, 1, 1), real=True)
    distance.update(torch.zeros(5, 1, 1, 1))
    assert distance.compute() == 0
