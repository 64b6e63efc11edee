import math

import pytest
import torch
from gaussians import normal
from torch_fidelity.metric_isc import isc_features_to_metric
from torchmetrics.image.inception import InceptionScore

from gan_experiments.metrics.functional.inception_score import inception_score

LOGITS = 3 * normal(1003, 10)


def test_it_is_that_of_torch_fidelity():
    theirs = isc_features_to_metric(LOGITS, splits=10, shuffle=False)
    mean, spread = inception_score(LOGITS)
    assert mean == pytest.approx(theirs["inception_score_mean"], rel=1e-12)
    assert spread == pytest.approx(theirs["inception_score_std"], rel=1e-9)


def test_it_is_that_of_torchmetrics(monkeypatch):
    monkeypatch.setattr(torch, "randperm", torch.arange)
    theirs = InceptionScore(torch.nn.Identity(), splits=10)
    theirs.update(LOGITS[:1000])
    mean, spread = theirs.compute()
    found = inception_score(LOGITS[:1000])
    assert found == (pytest.approx(mean.item(), rel=1e-9), pytest.approx(spread.item() * math.sqrt(9 / 10), rel=1e-6))


def test_it_spans_one_to_the_number_of_classes():
    sure = 1e4 * torch.eye(4).repeat(100, 1)  # the other probabilities are 0 in float64
    assert inception_score(sure) == (pytest.approx(4), pytest.approx(0))
    assert inception_score(sure[:1].expand(50, 4)) == (pytest.approx(1), pytest.approx(0))


def test_a_class_that_some_images_exclude():
    """Half of the images are of class 0 for sure, half of either of two: KL is log 4/3 and log 2/3 / 2 + log 2 / 2."""
    logits = torch.tensor([[0.0, -1e4], [0.0, 0.0]]).repeat(8, 1)
    divergence = (math.log(4 / 3) + (math.log(2 / 3) + math.log(2)) / 2) / 2
    assert inception_score(logits, splits=1)[0] == pytest.approx(math.exp(divergence))


def test_order_matters_only_through_the_splits():
    shuffled = LOGITS[torch.randperm(len(LOGITS), generator=torch.Generator().manual_seed(0))]
    assert inception_score(LOGITS, 1) == pytest.approx(inception_score(shuffled, 1))
    assert inception_score(LOGITS, seed=1) == inception_score(LOGITS, seed=1)
    assert inception_score(LOGITS, seed=1) != inception_score(LOGITS, seed=2)
    by_class = LOGITS[LOGITS.argmax(1).argsort()]  # without a seed each split then sees few classes
    assert inception_score(by_class, seed=1)[0] == pytest.approx(inception_score(LOGITS)[0], rel=0.02)
    assert inception_score(by_class)[0] < 0.8 * inception_score(LOGITS)[0]


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="over 10 splits needs at least 10 samples, not 9"):
        inception_score(LOGITS[:9])
