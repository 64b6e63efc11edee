import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pixels import evaluator, from_tensor, source

from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.functional import fit_gaussian, frechet_distance
from gan_experiments.metrics.memorization import Memorization
from gan_experiments.metrics.prdc import PRDC
from gan_experiments.metrics.uncertainty import BASELINE_SPLITS, jackknife_groups, real_baseline_splits


@given(count=st.integers(2, 200), samples=st.integers(1, 300))
def test_splits_have_as_many_images_as_samples_but_at_most_half(count, samples):
    splits = real_baseline_splits(count, samples)
    assert splits.shape == (BASELINE_SPLITS, count)
    assert splits.sum(1).unique().tolist() == [min(samples, count // 2)]


@given(count=st.integers(10, 200))
def test_jackknife_groups_are_of_about_equal_size(count):
    sizes = jackknife_groups(count).flatten().bincount()
    assert len(sizes) == 10
    assert sizes.max() - sizes.min() <= 1


def test_margin_of_error_is_that_of_repeated_sampling():
    """The jackknife's margin at 95 % against the spread of the distance over a hundred sets drawn anew."""
    measure, values, margins = evaluator(features={"fid": FID()}), [], []
    for seed in range(100):
        full = measure.final(from_tensor(source(seed=100 + seed, count=300, bright=1.2).images), 300)
        values.append(full.values["fid"])
        margins.append(full.margins["fid"])
    true = 2.262 * torch.tensor(values).std().item()
    assert sum(margins) / len(margins) == pytest.approx(true, rel=0.25)


def test_margins_of_means_are_those_of_repeated_sampling():
    """Over a hundred sets of generated images against the same real ones."""
    data, found = source(count=600), []
    data.trained = torch.arange(600) < 300
    measure = evaluator(data, features={"prdc": PRDC(), "memorization": Memorization()})
    for seed in range(100):
        full = measure.final(from_tensor(source(seed=100 + seed, count=100, bright=1.1).images), 100)
        found.append((full.values, full.margins))
    for name in ("precision", "density", "memorization"):
        true = 1.96 * torch.tensor([values[name] for values, _ in found]).std().item()
        assert sum(margins[name] for _, margins in found) / len(found) == pytest.approx(true, rel=0.25), name


def test_real_baseline_is_the_mean_over_splits():
    data = source()
    full = evaluator(data, samples=100).final(from_tensor(source(seed=1).images), 100)
    splits = real_baseline_splits(500, 100)
    expected = [frechet(*(data.images[split == side] for side in (1, 0))) for split in splits]
    assert all((split == 1).sum() == 100 for split in splits)
    assert full.real_baseline["fid"] == pytest.approx(sum(expected) / len(expected), rel=1e-6)
    assert full.real_baseline_spread["fid"] == pytest.approx(torch.tensor(expected).std().item(), rel=1e-5)
    assert full.real_baseline["fid"] < full.values["fid"] + full.margins["fid"]


def frechet(*sides):
    return frechet_distance(*(fit_gaussian(images.flatten(1).double()) for images in sides))
