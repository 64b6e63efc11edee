import math

import pytest
import torch
from scipy.stats import entropy

from gan_experiments.core.randomness import Stream
from gan_experiments.data.synthetic.points import Grid, Ring, SwissRoll
from gan_experiments.metrics.functional.mode_coverage import mode_coverage


def test_values_of_a_partial_coverage():
    samples, high_quality = torch.tensor([5, 0, 15, 20]), torch.tensor([5, 0, 0, 11])
    values = mode_coverage(samples, high_quality)
    divergence = entropy(samples.numpy() / 40, [0.25] * 4)
    expected = {
        "precision": 0.4,
        "recall": 0.5,
        "modes": 2,
        "modes_published": 2,
        "modes_any": 3,
        "reverse_kl": pytest.approx(divergence),
    }
    near = entropy(high_quality.numpy() / 16, [0.25] * 4)
    assert values == expected | {"reverse_kl_high_quality": pytest.approx(near)}


def test_the_divergence_of_high_quality_samples_is_that_of_pacgan():
    """PacGAN, extensions.py: the entropy of the counts of samples near a mode; ``log K`` minus it is the divergence."""
    samples, high_quality = torch.tensor([10, 10, 10, 10]), torch.tensor([9, 1, 1, 1])
    values = mode_coverage(samples, high_quality)
    assert values["reverse_kl"] == 0
    expected = math.log(4) - entropy(high_quality.numpy() / 12)
    assert values["reverse_kl_high_quality"] == pytest.approx(expected)
    nowhere = mode_coverage(samples, torch.zeros(4, dtype=torch.int64))
    assert nowhere["reverse_kl_high_quality"] == pytest.approx(math.log(4))


def test_modes_may_differ_in_probability():
    samples, weights = torch.tensor([20, 10, 10]), torch.tensor([1.5, 0.75, 0.75])
    high_quality = torch.tensor([4, 2, 2])  # 5, 2.5 and 2.5 are needed
    values = mode_coverage(samples, high_quality, weights)
    assert (values["reverse_kl"], values["reverse_kl_high_quality"], values["modes"]) == (0, 0, 0)
    assert mode_coverage(samples, torch.tensor([5, 3, 2]), weights)["modes"] == 2
    skewed = torch.tensor([10, 10, 20])
    divergence = entropy(skewed.numpy() / 40, [0.5, 0.25, 0.25])
    assert mode_coverage(skewed, skewed, weights)["reverse_kl"] == pytest.approx(divergence)
    nowhere = mode_coverage(samples, torch.zeros(3, dtype=torch.int64), weights)
    assert nowhere["reverse_kl_high_quality"] == pytest.approx(math.log(4))


def test_uniform_and_collapsed_samples_are_the_extremes():
    uniform, collapsed = torch.full((8,), 3), torch.tensor([9, 0, 0, 0, 0, 0, 0, 0])
    assert mode_coverage(uniform, uniform)["reverse_kl"] == 0
    assert mode_coverage(collapsed, collapsed)["reverse_kl"] == pytest.approx(torch.tensor(8.0).log().item())


def test_a_perfect_generator_has_a_divergence_of_half_the_modes_over_the_samples():
    """The bias of the plug-in entropy (Miller 1955), (K - 1) / 2N: a third of the 0.06 published for PacDCGAN2."""
    cells = Stream("stacked", 0).integers(1000, 26_000)
    values = mode_coverage(torch.bincount(cells, minlength=1000), torch.zeros(1000, dtype=torch.int64))
    assert values["reverse_kl"] == pytest.approx(999 / 52_000, rel=0.15)
    assert (values["modes_any"], values["modes_published"]) == (1000, 0)


def test_a_mode_is_covered_by_a_quarter_of_its_samples():
    samples = torch.tensor([10, 10, 10, 10])
    values = mode_coverage(samples, torch.tensor([10, 3, 2, 1]))  # 2.5 of 10 are needed
    assert (values["modes"], values["recall"], values["modes_published"]) == (2, 0.5, 4)


@pytest.mark.parametrize("data", [Ring(), Grid(), SwissRoll()], ids=lambda data: data.facts.name)
def test_no_cloud_covers_a_mode_and_the_distribution_covers_all(data):
    distribution, stream = data.known_distribution, Stream("cloud")
    for points in (stream.normal(10000, 2) / 2, 2 * stream.uniform(10000, 2) - 1):
        cells, near = distribution.assign_modes(points.view(-1, 2, 1, 1))
        counts = [torch.bincount(each, minlength=distribution.num_cells) for each in (cells, cells[near])]
        assert mode_coverage(*counts)["modes"] == 0
        assert mode_coverage(*counts)["modes_published"] > 0.9 * distribution.num_cells
    cells, near = distribution.assign_modes(distribution.draw(10000, stream)[0].view(-1, 2, 1, 1))
    counts = [torch.bincount(each, minlength=distribution.num_cells) for each in (cells, cells[near])]
    assert mode_coverage(*counts)["modes"] == distribution.num_cells
