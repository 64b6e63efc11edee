import numpy as np
import pytest
import torch
from gaussians import normal

from gan_experiments.metrics.functional import mean_without_extremes, perceptual_path_lengths


def test_it_is_a_squared_distance_over_a_squared_step():
    before, after = normal(5, 7), normal(5, 7, seed=1)
    expected = ((before - after).numpy() ** 2).sum(1) / 0.01**2
    assert perceptual_path_lengths(before.float(), after.float(), 0.01).numpy() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("count", [3, 150, 2001])
def test_the_extremes_are_left_out_as_in_the_code_of_stylegan2(count):
    values = normal(count, 1)[:, 0].exp()
    array = values.numpy()
    low, high = np.percentile(array, 1, method="lower"), np.percentile(array, 99, method="higher")
    expected = np.extract(np.logical_and(array >= low, array <= high), array)
    mean, kept = mean_without_extremes(values)
    assert mean == pytest.approx(expected.mean())
    assert len(kept) == len(expected)
    assert torch.equal(kept, torch.from_numpy(expected))
