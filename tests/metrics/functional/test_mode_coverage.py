import pytest
import torch
from scipy.stats import entropy

from gan_experiments.metrics.functional.mode_coverage import mode_coverage


def test_values_of_a_partial_coverage():
    samples, high_quality = torch.tensor([5, 0, 15, 20]), torch.tensor([5, 0, 0, 11])
    values = mode_coverage(samples, high_quality)
    divergence = entropy(samples.numpy() / 40, [0.25] * 4)
    assert values == {"precision": 0.4, "recall": 0.5, "modes": 2, "reverse_kl": pytest.approx(divergence)}


def test_uniform_and_collapsed_samples_are_the_extremes():
    uniform, collapsed = torch.full((8,), 3), torch.tensor([9, 0, 0, 0, 0, 0, 0, 0])
    assert mode_coverage(uniform, uniform)["reverse_kl"] == 0
    assert mode_coverage(collapsed, collapsed)["reverse_kl"] == pytest.approx(torch.tensor(8.0).log().item())
