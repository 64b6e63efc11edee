import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pixels import evaluator, from_tensor, source

from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.functional import fit_gaussian, frechet_distance
from gan_experiments.metrics.memorization import Memorization
from gan_experiments.metrics.prdc import PRDC
from gan_experiments.metrics.uncertainty import BASELINE_SPLITS, real_baseline_splits


@given(count=st.integers(2, 200), samples=st.integers(1, 300))
def test_splits_have_as_many_images_as_samples_but_at_most_half(count, samples):
    splits = real_baseline_splits(count, samples)
    assert splits.shape == (BASELINE_SPLITS, count)
    assert splits.sum(1).unique().tolist() == [min(samples, count // 2)]


def test_margin_of_error_is_that_of_repeated_sampling():
    """The jackknife's margin at 95 % against the spread of the distance over a hundred sets drawn anew."""
    measure, values, margins = evaluator(features={"fid": FID()}), [], []
    for seed in range(100):
        full = measure.final(from_tensor(source(seed=100 + seed, count=300, bright=1.2).images), 300)
        values.append(full["fid"].value)
        margins.append(full["fid"].margin)
    true = 2.262 * torch.tensor(values).std().item()
    assert sum(margins) / len(margins) == pytest.approx(true, rel=0.25)


def test_margins_of_means_are_those_of_repeated_sampling():
    """Over a hundred sets of generated images against the same real ones."""
    data, found = source(count=600), []
    data.trained = torch.arange(600) < 300
    measure = evaluator(data, features={"prdc": PRDC(), "memorization": Memorization()})
    for seed in range(100):
        full = measure.final(from_tensor(source(seed=100 + seed, count=100, bright=1.1).images), 100)
        found.append(full)
    for name in ("precision", "density", "memorization"):
        true = 1.96 * torch.tensor([full[name].value for full in found]).std().item()
        assert sum(full[name].margin for full in found) / len(found) == pytest.approx(true, rel=0.25), name


def test_real_baseline_is_the_mean_over_splits():
    data = source()
    fid = evaluator(data, samples=100).final(from_tensor(source(seed=1).images), 100)["fid"]
    splits = real_baseline_splits(500, 100)
    expected = [frechet(*(data.images[split == side] for side in (1, 0))) for split in splits]
    assert all((split == 1).sum() == 100 for split in splits)
    assert fid.real_baseline == pytest.approx(sum(expected) / len(expected), rel=1e-6)
    assert fid.real_baseline_spread == pytest.approx(torch.tensor(expected).std().item(), rel=1e-5)
    assert fid.real_baseline < fid.value + fid.margin


def frechet(*sides):
    return frechet_distance(*(fit_gaussian(images.flatten(1).double()) for images in sides))
