"""Against torch-fidelity, the package of density and coverage, and answers that are known."""

import pytest
import torch
from gaussians import normal
from prdc import compute_prdc
from torch_fidelity.metric_prc import calculate_precision_recall_full

from gan_experiments.metrics.functional import distances as neighbours
from gan_experiments.metrics.functional.precision_recall import precision_recall_density_coverage as scores

REAL, FAKE = normal(300, 6), 0.8 * normal(200, 6, seed=1) + 0.3


@pytest.fixture(params=[neighbours._CHUNK, 1000, 1])
def _chunks(request, monkeypatch):
    monkeypatch.setattr(neighbours, "_CHUNK", request.param)


@pytest.mark.usefixtures("_chunks")
@pytest.mark.parametrize("sets", [(REAL, FAKE), (FAKE, REAL), (REAL, REAL[:50] + 5)])
def test_it_is_that_of_torch_fidelity_and_prdc(sets):
    real, fake = sets
    found = scores(real, fake).means()
    precision, recall = calculate_precision_recall_full(fake, real, neighborhood=3)
    assert (found["precision"], found["recall"]) == (pytest.approx(precision), pytest.approx(recall))
    theirs = compute_prdc(real.numpy(), fake.numpy(), nearest_k=5)
    assert found["density"] == pytest.approx(theirs["density"])
    assert found["coverage"] == pytest.approx(theirs["coverage"])
    same_neighbours = scores(real, fake, neighbours=5).means()
    assert same_neighbours == pytest.approx(theirs)


@pytest.mark.usefixtures("_chunks")
def test_a_set_with_itself():
    assert scores(REAL, REAL).means() == {"precision": 1, "recall": 1, "density": 1, "coverage": 1}


def test_density_and_coverage_of_the_same_distribution():
    """Naeem et al. 2020, section 3.3: the density is 1 on average, the coverage close to 1 - 2^-k."""
    found = scores(normal(3000, 4), normal(3000, 4, seed=1), density_neighbours=5).means()
    assert found["density"] == pytest.approx(1, abs=0.05)
    assert found["coverage"] == pytest.approx(1 - 2**-5, abs=0.01)


def test_sets_apart():
    assert set(scores(REAL, FAKE + 100).means().values()) == {0}


def test_a_part_of_the_real_set_is_precise_but_does_not_cover():
    two_modes = torch.cat([REAL, REAL + 50])
    found = scores(two_modes, REAL[:100]).means()
    assert found["precision"] == 1
    assert found["recall"] < 0.5
    assert found["coverage"] < 0.5


def test_neither_order_nor_place_matters():
    expected = scores(REAL, FAKE).means()
    assert scores(REAL.flip(0), FAKE.flip(0)).means() == pytest.approx(expected)
    assert scores(REAL + 1e4, FAKE + 1e4).means() == pytest.approx(expected)


def test_values_belong_to_their_samples():
    fake = torch.cat([REAL[:10], REAL[:10] + 100])
    found = scores(REAL, fake, 3, 3)
    assert found.precision.tolist() == [1] * 10 + [0] * 10
    assert (found.density[10:] == 0).all()
    assert found.recall.shape == found.coverage.shape == (300,)


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="5 neighbours need at least 6 samples, not 5"):
        scores(REAL, FAKE[:5])
