import pytest
import torch
from gaussians import normal
from scipy.stats import mannwhitneyu, norm

from gan_experiments.metrics.functional import distances as neighbours
from gan_experiments.metrics.functional.data_copying import data_copying, share_of_copies

TRAINING, HELD_OUT = normal(400, 5), normal(150, 5, seed=1)


def distances(samples):
    return torch.cdist(samples, TRAINING).amin(1)


@pytest.mark.parametrize("fake", [normal(200, 5, seed=2), 0.8 * normal(200, 5, seed=2), TRAINING[:90]])
@pytest.mark.parametrize("chunk", [neighbours._CHUNK, 1000])
def test_it_is_the_u_statistic_of_mann_and_whitney(fake, chunk, monkeypatch):
    monkeypatch.setattr(neighbours, "_CHUNK", chunk)
    found = data_copying(TRAINING, HELD_OUT, fake)
    closer = distances(HELD_OUT)[None] > distances(fake)[:, None]
    assert found.probability == pytest.approx(closer.double().mean().item())
    torch.testing.assert_close(found.closer, closer.double().mean(1))
    theirs = mannwhitneyu(nearest(fake), nearest(HELD_OUT), alternative="less", use_continuity=False)
    assert norm.cdf(found.statistic) == pytest.approx(theirs.pvalue, rel=1e-6)


def nearest(samples):
    return neighbours.nearest_distances(samples, TRAINING).numpy()


def test_ties_narrow_the_statistic():
    grid = torch.arange(40.0)[:, None]  # whose distances are exact
    held_out, fake = torch.cat([grid[:20], grid[:10] + 0.25]), torch.cat([grid[:12], grid[:20] + 0.25])
    theirs = mannwhitneyu([0] * 12 + [0.25] * 20, [0] * 20 + [0.25] * 10, alternative="less", use_continuity=False)
    assert norm.cdf(data_copying(grid, held_out, fake).statistic) == pytest.approx(theirs.pvalue, rel=1e-6)


def test_nearest_distances():
    torch.testing.assert_close(neighbours.nearest_distances(HELD_OUT, TRAINING), distances(HELD_OUT))


def test_new_samples_of_the_same_distribution_are_not_copies():
    statistics = [data_copying(TRAINING, HELD_OUT, normal(200, 5, seed=seed)).statistic for seed in range(2, 42)]
    assert sum(abs(value) < 1.96 for value in statistics) >= 34  # of 40; 38 expected for a given held-out set at best
    assert data_copying(normal(2000, 5), normal(2000, 5, seed=1), normal(2000, 5, seed=2)).probability == pytest.approx(
        0.5, abs=0.03
    )


def test_copies_and_far_away_samples_are_the_extremes():
    copied = data_copying(TRAINING, HELD_OUT, TRAINING[:100] + 1e-6)
    assert copied.probability == 1
    assert copied.statistic < -10
    assert data_copying(TRAINING, HELD_OUT, HELD_OUT + 100).probability == 0


def test_some_copies_among_new_samples():
    mixed = torch.cat([TRAINING[:100], normal(100, 5, seed=2)])
    found = data_copying(TRAINING, HELD_OUT, mixed)
    assert found.probability == pytest.approx(0.75, abs=0.05)
    assert found.closer[:100].tolist() == [1] * 100


def test_equal_distances_count_half():
    grid = torch.arange(10.0)[:, None]
    found = data_copying(grid, grid + 0.25, torch.cat([grid[:6] + 0.25, grid[:2]]))
    assert found.closer.tolist() == [0.5] * 6 + [1] * 2
    assert data_copying(grid, grid, grid).statistic == 0


def test_an_empty_set_is_refused():
    with pytest.raises(ValueError, match="none may be empty"):
        data_copying(TRAINING, HELD_OUT[:0], HELD_OUT)


def test_copies_are_thrice_as_near_to_one_training_sample_as_to_any_other(monkeypatch):
    distances = torch.cdist(HELD_OUT, TRAINING).sort(1).values
    assert share_of_copies(HELD_OUT, TRAINING.split(7)) == (3 * distances[:, 0] < distances[:, 1]).double().mean()
    corners = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 40.0]])
    near = torch.tensor([[0.9, 0.0], [1.1, 0.0], [0.0, 39.0], [2.0, 0.0]])  # 3.1, 2.9, 39 and 2 from the next
    assert share_of_copies(near, [corners]) == 0.5
    parts = corners.split(1)  # distances to others: 4 and 40; 4 and 40.2; 40 and 40.2
    assert share_of_copies(corners, parts, among=True) == pytest.approx(2 / 3)
