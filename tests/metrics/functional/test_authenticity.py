import statistics

import pytest
import torch
from gaussians import normal
from scipy.spatial.distance import cdist

from gan_experiments.metrics.functional import authenticity, expected_authenticity

TRAINING, FAKE = normal(90, 5), normal(70, 5, seed=1)


def by_hand(training, fake):
    """Alaa et al. 2022: farther from the nearest training sample than that is from its own neighbour."""
    authentic = []
    for distances in cdist(fake, training):
        nearest = distances.argmin()
        own = sorted(cdist(training[nearest : nearest + 1], training)[0])[1]  # after itself
        authentic.append(own < distances[nearest])
    return authentic


def test_it_is_that_of_the_paper():
    found = authenticity(TRAINING, FAKE)
    assert found.tolist() == by_hand(TRAINING, FAKE)
    assert 0.1 < found.double().mean() < 0.9
    assert not authenticity(TRAINING, TRAINING[:20] + 1e-6).any()
    assert authenticity(TRAINING, FAKE + 100).all()
    with pytest.raises(ValueError, match="at least 2 training samples, not 1"):
        authenticity(TRAINING[:1], FAKE)


@pytest.mark.parametrize(("samples", "training"), [(100, 60), (50, 300)])
def test_what_a_perfect_generator_gets(samples, training):
    drawn = [normal(samples + training, 5, seed=seed) for seed in range(80)]
    got = [authenticity(each[samples:], each[:samples]).double().mean().item() for each in drawn]
    said = [expected_authenticity(each[samples:], samples) for each in drawn[:40]]
    assert statistics.fmean(mean for mean, _ in said) == pytest.approx(statistics.fmean(got), abs=0.02)
    assert statistics.fmean(spread for _, spread in said) == pytest.approx(statistics.stdev(got), rel=0.35)


def test_the_sample_that_is_taken_out_is_no_neighbour():
    """On a line: 0 and 1 are each other's neighbours, and without 1 the neighbour of 0 is 10."""
    points = torch.tensor([[0.0], [1.0], [10.0]])
    # 0 is nearest to 1, whose other neighbour is 9 away; 1 to 0, 10 away; 10 to 1, which is 1 away from 0.
    assert expected_authenticity(points, 5)[0] == pytest.approx(1 / 3)
