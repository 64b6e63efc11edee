import pytest
import torch
from gaussians import normal

from gan_experiments.metrics.functional import distances
from gan_experiments.metrics.functional.distances import nearest_distances, squared_distances, squared_radii

FIRST, SECOND = normal(40, 5), normal(30, 5, seed=1)


@pytest.fixture(params=[distances._CHUNK, 100, 1], autouse=True)
def _chunks(request, monkeypatch):
    monkeypatch.setattr(distances, "_CHUNK", request.param)


def test_squared_distances_are_those_of_cdist():
    parts = list(squared_distances(FIRST, SECOND, SECOND.mean(0)))
    assert [index for part, _ in parts for index in range(40)[part]] == list(range(40))
    torch.testing.assert_close(torch.cat([part for _, part in parts]), torch.cdist(FIRST, SECOND).square())


def test_radii_reach_to_the_kth_nearest_other_sample():
    ordered = torch.cdist(FIRST, FIRST).square().sort(1).values  # the nearest is the sample itself
    for k, radii in zip([1, 4], squared_radii(FIRST, [1, 4], FIRST.mean(0)), strict=True):
        torch.testing.assert_close(radii, ordered[:, k])


def test_nearest_distances_are_the_smallest():
    torch.testing.assert_close(nearest_distances(FIRST, SECOND), torch.cdist(FIRST, SECOND).amin(1))


def test_far_from_the_origin_no_precision_is_lost():
    moved = nearest_distances(FIRST + 1e6, SECOND + 1e6)
    torch.testing.assert_close(moved, torch.cdist(FIRST, SECOND).amin(1), rtol=1e-6, atol=1e-6)
